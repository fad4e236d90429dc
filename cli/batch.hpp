#pragma once

// Lines of changes to one request: pure.

#include <string>
#include <string_view>
#include <vector>

#include "api/messages.hpp"

namespace proxip::cli {

// The words of a line as a shell sees them: blanks between them, quotes ("…", '…') and a backslash keep what they hold
// together, and # begins a comment.
[[nodiscard]] Result<std::vector<std::string>> split_words(std::string_view line);

// One change a line, as on the command line, with or without "lbctl". Errors say SOURCE:LINE. Refused: what changes
// nothing, and options that are for a batch as a whole.
[[nodiscard]] Result<api::Batch> parse_batch(std::string_view text, const std::string& source);

} // namespace proxip::cli
