#pragma once

// Things to do later, in order, on one timer of the loop. What is still to be done when the agenda goes is not done.

#include <chrono>
#include <functional>
#include <map>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace proxip::net {

class Agenda : public std::enable_shared_from_this<Agenda> {
  public:
    using Clock = std::chrono::steady_clock;
    using Step = std::function<void()>;

    explicit Agenda(boost::asio::io_context& loop) : timer_(loop) {}

    void later(Clock::duration delay, Step step);
    void clear();

  private:
    void arm();
    void run_due();

    boost::asio::steady_timer timer_;
    std::multimap<Clock::time_point, Step> steps_;
};

} // namespace proxip::net
