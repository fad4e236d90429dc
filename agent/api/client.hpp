#pragma once

// A blocking client: one connection, one request, one answer, or one answer and what follows it.

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "api/messages.hpp"
#include "api/stream.hpp"

namespace proxip::api {

// Errors: unreachable (no socket, nobody listens), denied (EACCES, or the agent says so), timeout, and whatever the
// agent answers.
[[nodiscard]] Result<Answer> call(const std::filesystem::path& socket, const Request& request,
                                  std::chrono::milliseconds timeout);

// What follows the answer to a request that follows (stream.hpp). Ends when it goes.
class Subscription {
  public:
    struct Begun {
        Following answer;
        std::unique_ptr<Subscription> stream;
    };
    // Errors as with call(), which cover the time until the answer.
    [[nodiscard]] static Result<Begun> open(const std::filesystem::path& socket, const Request& request,
                                            std::chrono::milliseconds timeout);
    virtual ~Subscription() = default;

    // The next item; none when `patience` ran out (none: it does not) or there is something to read from `interrupt`
    // (-1: nothing). The agent's end is `unreachable`.
    [[nodiscard]] virtual Result<std::optional<Item>> next(std::optional<std::chrono::milliseconds> patience,
                                                           int interrupt) = 0;
};

} // namespace proxip::api
