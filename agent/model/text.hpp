#pragma once

// Small pieces of text handling that every parser of this room uses: how a wrong value is shown, and strict numbers.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.hpp"

namespace proxip {

// Printable ASCII as it is, every other byte as \xNN: an error must survive a terminal, a log and a JSON string,
// whatever the user's input was. Cut after `max_length` characters.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_length = 200);
[[nodiscard]] std::string quote(std::string_view text); // "text", printable, cut after 60 characters

// The one form of an error about a value: `found "x", expected y`.
[[nodiscard]] std::unexpected<Error> unfit(std::string_view found, std::string_view expected);

// Digits only, no sign, no blank, no leading zero, not above `max`.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max);

// "a", "a or b", "a, b or c"
[[nodiscard]] std::string alternatives(const std::vector<std::string_view>& names);

} // namespace proxip
