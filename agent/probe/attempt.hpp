#pragma once

// The health checks of one target, one at a time, each from its start to a fact about the backend. Held by a shared
// pointer.

#include <chrono>
#include <cstdint>
#include <memory>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "probe/checker.hpp"

namespace proxip::probe {

class Attempt : public std::enable_shared_from_this<Attempt> {
  public:
    explicit Attempt(const boost::asio::any_io_executor& executor) : deadline_(executor), socket_(executor) {}

    // The address that is called: the check's own port where it has one.
    [[nodiscard]] static boost::asio::ip::tcp::endpoint endpoint(const Target& target);

    // Connects and hangs up by RST, so that no TIME_WAIT is left on this host (2,500 checks a second would use up its
    // ports).
    [[nodiscard]] boost::asio::awaitable<Outcome> connect(boost::asio::ip::tcp::endpoint endpoint,
                                                          std::chrono::milliseconds timeout);
    // What is under way ends at once; its outcome means nothing.
    void cancel();

  private:
    [[nodiscard]] boost::system::error_code open(const boost::asio::ip::tcp& family);
    void arm(std::chrono::milliseconds timeout);

    boost::asio::steady_timer deadline_;
    boost::asio::ip::tcp::socket socket_;
    std::uint64_t round_ = 0;
    bool timed_out_ = false;
};

} // namespace proxip::probe
