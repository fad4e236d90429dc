#pragma once

// A datagram, and an answer that begins as expected. Where nothing is expected, silence is a success too: only a
// refusal (ICMP port, host or network unreachable) within the time limit is none.

#include <array>

#include <boost/asio/ip/udp.hpp>

#include "probe/probe.hpp"

namespace proxip::probe {

class UdpProbe final : public Probe {
  public:
    UdpProbe(const boost::asio::any_io_executor& executor, const Target& target)
        : Probe(executor, target), socket_(executor) {}

  private:
    [[nodiscard]] boost::asio::awaitable<Outcome> attempt() override;
    void abandon() override;
    [[nodiscard]] Outcome timed_out() const override;
    [[nodiscard]] boost::system::error_code send();
    [[nodiscard]] Outcome judged(std::string_view answer) const;

    boost::asio::ip::udp::socket socket_;
    std::array<char, 2048> answer_{}; // longer than what may be expected
};

} // namespace proxip::probe
