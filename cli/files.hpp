#pragma once

#include <string>

#include "cli/command.hpp"

namespace proxip::cli {

// The text of a file that a command names. The protocol is JSON, which carries no bytes that are not text: so these are
// refused here, with their place; and so is what is larger than a configuration can be.
[[nodiscard]] Result<std::string> load_text(const Inputs& inputs, const std::string& file);

} // namespace proxip::cli
