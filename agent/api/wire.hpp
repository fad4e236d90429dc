#pragma once

// The body of a frame: the text of a request or an answer. Server, client and fuzzer share it.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "api/messages.hpp"

namespace proxip::api {

inline constexpr int max_depth = 32; // of nested arrays and objects: no message has more than a dozen

[[nodiscard]] Result<nlohmann::json> parse_json(std::string_view body);
[[nodiscard]] Error error_from(const nlohmann::json& value); // {"code","message","path"} back to the error that it was

[[nodiscard]] std::string request_body(const Request& request);
[[nodiscard]] Result<Request> parse_request(std::string_view body);

[[nodiscard]] std::string answer_body(const Result<Answer>& answer);
// The agent's error comes back as the error.
[[nodiscard]] Result<Answer> parse_answer(const Request& request, std::string_view body);

} // namespace proxip::api
