#pragma once

// Is the host there at all?

#include <memory>
#include <optional>

#include "probe/echo_socket.hpp"
#include "probe/probe.hpp"

namespace proxip::probe {

class EchoProbe final : public Probe {
  public:
    EchoProbe(const boost::asio::any_io_executor& executor, const Target& target, std::shared_ptr<Means> means)
        : Probe(executor, target), means_(std::move(means)), answer_(executor) {}

  private:
    [[nodiscard]] boost::asio::awaitable<Outcome> attempt() override;
    void abandon() override;

    std::shared_ptr<Means> means_;
    std::shared_ptr<EchoSocket> socket_;
    boost::asio::steady_timer answer_; // never runs out: it is cancelled by the answer
    std::optional<std::uint16_t> number_;
    bool answered_ = false;
};

} // namespace proxip::probe
