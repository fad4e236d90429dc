#pragma once

// Arguments to an action: pure but for `read`.

#include <string>
#include <vector>

#include "cli/action.hpp"
#include "cli/command.hpp"
#include "cli/values.hpp"

namespace proxip::cli {

struct Environment {
    Text socket; // LBCTL_SOCKET
    ReadFile read;
};

struct Parsed {
    Globals globals; // also when the action is an error: its form of output is needed to tell it
    Result<Action> action;
};

// Errors: usage, with a hint where to look; and what the file of -f has wrong.
[[nodiscard]] Parsed parse(const std::vector<std::string>& args, const Environment& environment);

} // namespace proxip::cli
