#pragma once

// What counters have grown by in the last minute: a total since the data plane was made tells nothing of now.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "app/neighbourhood.hpp"
#include "dataplane/dataplane.hpp"

namespace proxip::app {

class LateCounts {
  public:
    LateCounts(const dataplane::Dataplane& dataplane, const Neighbourhood& neighbourhood)
        : dataplane_(dataplane), neighbourhood_(neighbourhood) {
        tick();
    }

    void tick(); // takes a sample every ten seconds

    struct Growth {
        double seconds = 0; // in so long
        std::map<std::string, std::uint64_t> drops;
        std::map<std::uint32_t, std::uint64_t> redirect_errors; // by link
    };
    [[nodiscard]] Growth growth() const;

  private:
    using Clock = std::chrono::steady_clock;
    struct Sample {
        Clock::time_point at;
        std::map<std::string, std::uint64_t> drops;
        std::map<std::uint32_t, std::uint64_t> redirect_errors;
    };
    [[nodiscard]] Sample sample() const;

    const dataplane::Dataplane& dataplane_;
    const Neighbourhood& neighbourhood_;
    std::deque<Sample> samples_; // the oldest first, never empty
};

} // namespace proxip::app
