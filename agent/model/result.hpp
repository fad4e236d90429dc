#pragma once

// Errors are values: what went wrong, where in the user's input, and which exit code it becomes.

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace proxip {

// Stable names, printed as `code` in JSON errors; the exit codes of lbctl follow from them (exit_code).
enum class ErrorCode {
    invalid,             // the input is wrong
    refused,             // the input is right, but cannot be done now
    failed,              // the system said no
    usage,               // the command line is wrong
    unreachable,         // no agent answers
    denied,              // the caller may not
    not_found,           // what is named does not exist
    generation_mismatch, // not that generation
    timeout,             // waited in vain
};

struct [[nodiscard]] Error {
    ErrorCode code = ErrorCode::failed;
    std::string message; // what was found and what was expected
    std::string path;    // where: "lb.toml:12:3", "service[web].backend[1].weight", or empty

    // The same error with its place made one step longer: `within("service[web]")` on path "address" gives
    // "service[web].address".
    [[nodiscard]] Error within(std::string_view outer) &&;
    [[nodiscard]] std::string text() const; // "path: message"
};

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, std::string message, std::string path = {});
// For a failed system call: message is "<what>: <strerror(error)>". `error` is a positive errno.
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view what, int error);

[[nodiscard]] std::string_view code_name(ErrorCode code);
[[nodiscard]] Result<ErrorCode> parse_code(std::string_view name);
[[nodiscard]] int exit_code(ErrorCode code); // the contract's: 1, 2, 3, 4, 5, 7, 8

} // namespace proxip
