#pragma once

// What a check found, in words.

#include <chrono>
#include <string>
#include <string_view>

#include <boost/system/error_code.hpp>

#include "probe/checker.hpp"

namespace proxip::probe {

using Clock = std::chrono::steady_clock;

[[nodiscard]] std::string words(const boost::system::error_code& error);       // "connection refused"
[[nodiscard]] Outcome success(std::string_view what, Clock::time_point since); // "connected in 0.3 ms"
// With the name of the step that failed, where it is not the obvious one: "TLS: …".
[[nodiscard]] Outcome failure(const boost::system::error_code& error, std::string_view step = {});
// This host could not ask: it says nothing of the backend.
[[nodiscard]] Outcome not_made(std::string_view why);

} // namespace proxip::probe
