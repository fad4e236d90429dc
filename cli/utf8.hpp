#pragma once

#include <cstddef>
#include <string_view>

namespace proxip::cli {

// Length of the longest beginning of `text` that is well-formed UTF-8 (RFC 3629); text.size() when all of it is.
[[nodiscard]] std::size_t utf8_prefix(std::string_view text);

} // namespace proxip::cli
