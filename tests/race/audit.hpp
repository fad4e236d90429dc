#pragma once

// Everything that must hold between the tables when no packet is on its way.

#include <string>
#include <vector>

#include "race/course.hpp"

namespace proxip::race {

struct Findings {
    std::vector<std::string> faults;
    std::uint32_t live = 0; // connections
    std::uint32_t closed = 0;
    std::uint32_t in_rings = 0; // ports that are free again

    void fault(std::string text) { faults.push_back(std::move(text)); }
};

// Slots, both keys of each connection, ports and counters. Takes the queue of free slots out and puts it back.
[[nodiscard]] Findings audit(const Course& course);

} // namespace proxip::race
