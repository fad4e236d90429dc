#pragma once

// An apply that goes back by itself unless it is confirmed in time.

#include <chrono>

#include "store/store.hpp"

namespace proxip::app {

class Trial {
  public:
    using Clock = std::chrono::steady_clock;

    [[nodiscard]] static Trial begun(Millis limit, store::Former former);
    // After a restart: what is left by the wall clock, which may have been set meanwhile; never more than was given.
    [[nodiscard]] static Trial resumed(store::Confirm saved);
    [[nodiscard]] Trial renewed(Millis limit) const { return begun(limit, saved_.former); }

    [[nodiscard]] Clock::time_point deadline() const { return deadline_; }
    [[nodiscard]] bool due() const { return Clock::now() >= deadline_; }
    [[nodiscard]] double seconds_left() const;
    [[nodiscard]] const store::Former& former() const { return saved_.former; }
    [[nodiscard]] Millis limit() const { return saved_.limit; }
    [[nodiscard]] const store::Confirm& saved() const { return saved_; }

  private:
    Trial(store::Confirm saved, Clock::time_point deadline) : saved_(std::move(saved)), deadline_(deadline) {}

    store::Confirm saved_;
    Clock::time_point deadline_;
};

} // namespace proxip::app
