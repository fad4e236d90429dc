#pragma once

// A blocking client: one connection, one request, one answer.

#include <chrono>
#include <filesystem>

#include "api/messages.hpp"

namespace proxip::api {

// Errors: unreachable (no socket, nobody listens), denied (EACCES, or the agent says so), timeout, and whatever the
// agent answers.
[[nodiscard]] Result<Answer> call(const std::filesystem::path& socket, const Request& request,
                                  std::chrono::milliseconds timeout);

} // namespace proxip::api
