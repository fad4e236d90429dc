#pragma once

// What is followed, one line an item: pure.

#include <string>

#include "api/stream.hpp"
#include "cli/action.hpp"

namespace proxip::cli {

[[nodiscard]] std::string line_of(const api::Item& item, Output output);
// "drop no_backend_available, answered with tcp-rst"
[[nodiscard]] std::string verdict_text(const api::Packet& packet);

} // namespace proxip::cli
