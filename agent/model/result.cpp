#include "model/result.hpp"

#include <array>
#include <cstddef>
#include <system_error>

#include "model/text.hpp"

namespace proxip {

namespace {

struct CodeRow {
    ErrorCode code;
    std::string_view name;
    int exit_code;
};

// Exit code 6 is lbctl's own (`diff` found a difference): it is no error.
constexpr std::array code_rows{
    CodeRow{ErrorCode::invalid, "invalid", 1},
    CodeRow{ErrorCode::refused, "refused", 1},
    CodeRow{ErrorCode::failed, "failed", 1},
    CodeRow{ErrorCode::usage, "usage", 2},
    CodeRow{ErrorCode::unreachable, "unreachable", 3},
    CodeRow{ErrorCode::denied, "denied", 4},
    CodeRow{ErrorCode::not_found, "not_found", 5},
    CodeRow{ErrorCode::generation_mismatch, "generation_mismatch", 7},
    CodeRow{ErrorCode::timeout, "timeout", 8},
};

constexpr bool in_order() {
    for (std::size_t i = 0; i < code_rows.size(); ++i) {
        if (static_cast<std::size_t>(code_rows.at(i).code) != i) {
            return false;
        }
    }
    return true;
}
static_assert(in_order(), "the table is indexed by the code");
static_assert(static_cast<std::size_t>(ErrorCode::timeout) + 1 == code_rows.size());

} // namespace

Error Error::within(std::string_view outer) && {
    std::string joined{outer};
    if (!outer.empty() && !path.empty() && path.front() != '[') {
        joined += '.';
    }
    joined += path;
    path = std::move(joined);
    return std::move(*this);
}

std::string Error::text() const {
    return path.empty() ? message : path + ": " + message;
}

std::unexpected<Error> fail(ErrorCode code, std::string message, std::string path) {
    return std::unexpected(Error{.code = code, .message = std::move(message), .path = std::move(path)});
}

std::unexpected<Error> fail_errno(std::string_view what, int error) {
    return fail(ErrorCode::failed, std::string{what} + ": " + std::generic_category().message(error));
}

std::string_view code_name(ErrorCode code) {
    return code_rows.at(static_cast<std::size_t>(code)).name;
}

Result<ErrorCode> parse_code(std::string_view name) {
    for (const CodeRow& row : code_rows) {
        if (row.name == name) {
            return row.code;
        }
    }
    return unfit(name, "the name of an error code");
}

int exit_code(ErrorCode code) {
    return code_rows.at(static_cast<std::size_t>(code)).exit_code;
}

} // namespace proxip
