#pragma once

#include <string_view>

namespace proxip::api {

// The project's version, "0.1.0": one for both programs.
[[nodiscard]] std::string_view version();

} // namespace proxip::api
