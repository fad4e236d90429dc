#pragma once

// A state as it stands in a file: two lines of JSON. The first says how to read the second and how to notice damage:
// {"version":1,"bytes":N,"checksum":"<digest of the second line>"}.

#include <string>
#include <string_view>

#include "store/store.hpp"

namespace proxip::store {

[[nodiscard]] std::string write_record(const State& state);
// Errors: truncated, checksum, version, or what the second line has that this program does not know.
[[nodiscard]] Result<State> read_record(std::string_view text);

} // namespace proxip::store
