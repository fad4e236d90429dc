#pragma once

// The health checks of one target, one at a time, each from its start to a fact about the backend.

#include <cstdint>
#include <memory>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "probe/checker.hpp"
#include "probe/facts.hpp"

namespace proxip::probe {

class Means;

class Probe : public std::enable_shared_from_this<Probe> {
  public:
    // Of the kind that the target's check names. `means` outlives it.
    [[nodiscard]] static std::shared_ptr<Probe> make(const boost::asio::any_io_executor& executor, const Target& target,
                                                     std::shared_ptr<Means> means);
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;
    virtual ~Probe() = default;

    // One time limit holds for the whole of it. The caller keeps the probe until it is done.
    [[nodiscard]] boost::asio::awaitable<Outcome> ask();
    // What is under way ends at once; its outcome means nothing.
    void cancel();

  protected:
    Probe(const boost::asio::any_io_executor& executor, Target target);

    [[nodiscard]] virtual boost::asio::awaitable<Outcome> attempt() = 0;
    // Closes what is open: whatever attempt() waits for ends with an error.
    virtual void abandon() = 0;
    [[nodiscard]] virtual Outcome timed_out() const;

    [[nodiscard]] const Target& target() const { return target_; }
    [[nodiscard]] const Check& check() const { return target_.check; }
    [[nodiscard]] std::uint16_t port() const; // the check's own where it has one
    [[nodiscard]] Clock::time_point started() const { return started_; }

  private:
    void arm();

    Target target_;
    boost::asio::steady_timer deadline_;
    Clock::time_point started_;
    std::uint64_t round_ = 0;
    bool running_ = false;
    bool late_ = false;
    bool stalled_ = false; // the loop came to the deadline late
};

} // namespace proxip::probe
