#pragma once

// Packets a second by one core, and by two at the same time, each with a lane and flows of its own and one data plane
// for both.

#include <ostream>

namespace proxip::bench {

// In a process of its own for each middle. Throws when it cannot be set up, or when packets were lost.
void report_scaling(std::ostream& out, int rounds);

} // namespace proxip::bench
