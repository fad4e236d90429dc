#pragma once

// Points in time, to the millisecond, in text: ISO 8601 in UTC.

#include <chrono>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace proxip {

using Moment = std::chrono::sys_time<std::chrono::milliseconds>;

[[nodiscard]] std::string moment_text(Moment moment); // "2026-11-29T02:25:43.017Z"
// "2026-11-29T02:25:43Z", also with a fraction; seconds since 1970, also with a fraction; "-5m": before `now`.
[[nodiscard]] Result<Moment> parse_moment(std::string_view text, Moment now);

} // namespace proxip
