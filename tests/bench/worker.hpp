#pragma once

// A case in a process of its own, with a network namespace of its own: whatever it leaves behind ends with it.

#include "bench/measure.hpp"

namespace proxip::bench {

// On this CPU. Throws with the worker's error.
[[nodiscard]] Sample run_apart(const Case& measured, const Plan& plan, int cpu);

} // namespace proxip::bench
