#pragma once

// lbctl top: readings, one an interval, on a screen of its own or as a table or JSON for each.

#include "cli/run.hpp"

namespace proxip::cli {

[[nodiscard]] int run_top(const TopWatch& watch, const Globals& globals, const World& world);

} // namespace proxip::cli
