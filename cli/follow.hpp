#pragma once

// What follows a request, one line an item, or into a capture file, until it has been enough.

#include "cli/run.hpp"

namespace proxip::cli {

[[nodiscard]] int run_follow(const Follow& follow, const Globals& globals, const World& world);

} // namespace proxip::cli
