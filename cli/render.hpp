#pragma once

// Answers as text: pure.

#include <string>

#include "api/messages.hpp"
#include "cli/action.hpp"

namespace proxip::cli {

struct Rendered {
    std::string out;  // data, for stdout
    std::string note; // for a person, on stderr: warnings, "only the first 1000"
};

[[nodiscard]] Rendered render(const api::Request& request, const api::Answer& answer, Output output);
[[nodiscard]] std::string render(const Error& error, Output output); // a line for stderr
// 0; 6 when a diff found a difference; 1 when the doctor found an error.
[[nodiscard]] int exit_code(const api::Request& request, const api::Answer& answer);

// One for each kind of answer; `wide` adds columns.
[[nodiscard]] std::string text_of(const api::Status& status);
[[nodiscard]] std::string text_of(const api::Version& version);
[[nodiscard]] std::string text_of(const api::Drops& drops, bool wide);
[[nodiscard]] std::string text_of(const std::vector<api::StatsView>& stats);
[[nodiscard]] std::string text_of(const std::vector<api::ServiceView>& services, bool wide);
[[nodiscard]] std::string text_of(const std::vector<api::BackendView>& backends, bool wide);
[[nodiscard]] std::string text_of(const std::vector<api::PoolView>& pools, bool wide);
[[nodiscard]] std::string text_of(const std::vector<api::ConnView>& connections, bool wide);
[[nodiscard]] std::string text_of(const std::vector<api::WhoisView>& sessions, bool wide);
[[nodiscard]] std::string text_of(const api::ConnCount& count, bool wide);
[[nodiscard]] std::string text_of(const api::Ended& ended);
[[nodiscard]] std::string text_of(const api::Explain& explain);
[[nodiscard]] std::string text_of(const api::Doctor& doctor);
[[nodiscard]] std::string text_of(const api::Request& request, const api::Plan& plan);

} // namespace proxip::cli
