#pragma once

// A case in a process of its own, with a network namespace of its own: whatever it leaves behind ends with it.

#include <functional>

#include "bench/measure.hpp"

namespace proxip::bench {

// On this CPU. Throws with the worker's error.
[[nodiscard]] Sample run_apart(const Case& measured, const Plan& plan, int cpu);

// This thread, from here on.
void stay_on(int cpu);

// Anything else; what it throws is printed, and makes this throw.
void run_in_a_process(const std::function<void()>& work);

} // namespace proxip::bench
