#pragma once

// One case on one stage: slices of packets through the pipe, each beside a slice that the generator's drain takes.

#include <cstdint>

#include "bench/bench_case.hpp"

namespace proxip::bench {

struct Sample {
    double own = 0;   // ns per packet: the pipe's time less the generator's alone; median of the slices
    double calm = 0;  // the same, of the quickest quarter of the slices: a machine's other work only ever adds
    double alone = 0; // ns per packet of the generator and its drain
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;  // did not arrive
    std::uint64_t wrong = 0; // arrived otherwise than they should
    std::uint32_t slices = 0;
    std::uint64_t interruptions = 0; // by something else that ran on this CPU
    double bytes_per_connection = 0;
};

// In a network namespace of its own. Throws when it cannot be set up.
[[nodiscard]] Sample measure(const Case& measured, const Plan& plan);

} // namespace proxip::bench
