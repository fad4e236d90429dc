#pragma once

// keepalived's checkers as a service's one check.

#include "cli/convert/keepalived_text.hpp"
#include "cli/convert/notes.hpp"
#include "model/config.hpp"

namespace proxip::cli::convert {

// "6", "0.5": seconds. None: not a number, or none that makes sense.
[[nodiscard]] std::optional<Millis> seconds(const std::string& text);

// The check of a virtual_server: that of its first real_server which has one, since a service has one check; what
// differs in the others is noted.
[[nodiscard]] Check check_of(const Statement& virtual_server, Protocol protocol, Notes& notes);

} // namespace proxip::cli::convert
