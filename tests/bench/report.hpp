#pragma once

// Samples of all rounds as a table that people read and documents take over (Markdown).

#include <map>
#include <ostream>
#include <string_view>
#include <vector>

#include "bench/measure.hpp"

namespace proxip::bench {

using Rounds = std::map<std::string_view, std::vector<Sample>>; // by case

struct Circumstances {
    int cpu = 0;
    bool timed = true; // false: too short for figures to mean anything
};

void report(std::ostream& out, const Rounds& rounds, const Circumstances& circumstances);
[[nodiscard]] bool all_arrived(const Rounds& rounds);

} // namespace proxip::bench
