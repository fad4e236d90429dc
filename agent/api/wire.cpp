#include "api/wire.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace proxip::api {
namespace {

using Json = nlohmann::json;

// A nested array costs some eighty bytes in memory and one on the wire: so the depth is judged before anything is
// built.
int depth_of(std::string_view text) {
    int depth = 0;
    int deepest = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            i += c == '\\' ? 1 : 0;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            deepest = std::max(deepest, ++depth);
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return deepest;
}

std::string dump(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace

Result<Json> parse_json(std::string_view body) {
    if (depth_of(body) > max_depth) {
        return fail(ErrorCode::invalid, fmt::format("JSON nested deeper than {} levels", max_depth));
    }
    try {
        return Json::parse(body);
    } catch (const Json::parse_error& error) {
        return fail(ErrorCode::invalid, fmt::format("not JSON: error at byte {}", error.byte));
    } catch (const Json::out_of_range&) {
        return fail(ErrorCode::invalid, "not JSON that can be read: a number is too large");
    }
}

Error error_from(const Json& value) {
    const auto text = [&value](const char* key) {
        const auto place = value.find(key);
        return place != value.end() && place->is_string() ? place->get<std::string>() : std::string{};
    };
    if (!value.is_object()) {
        return Error{ErrorCode::failed, "the agent refused without a reason", ""};
    }
    return Error{parse_code(text("code")).value_or(ErrorCode::failed), text("message"), text("path")};
}

std::string request_body(const Request& request) {
    return dump(encode(request));
}

Result<Request> parse_request(std::string_view body) {
    const auto value = parse_json(body);
    if (!value) {
        return std::unexpected(value.error());
    }
    return decode_request(*value);
}

std::string answer_body(const Result<Answer>& answer) {
    Json body = Json::object();
    if (answer) {
        body["result"] = encode(*answer);
    } else {
        body["error"] = encode(answer.error());
    }
    return dump(body);
}

Result<Answer> parse_answer(const Request& request, std::string_view body) {
    auto value = parse_json(body);
    if (!value) {
        return fail(ErrorCode::failed, "the agent's answer is " + value.error().message);
    }
    if (const auto error = value->find("error"); error != value->end()) {
        return std::unexpected(error_from(*error));
    }
    const auto result = value->find("result");
    if (result == value->end()) {
        return fail(ErrorCode::failed, "the agent's answer has neither a result nor an error");
    }
    auto answer = decode_answer(request, *result);
    if (!answer) {
        answer.error().code = ErrorCode::failed;
        return std::unexpected(std::move(answer.error()).within("answer"));
    }
    return answer;
}

} // namespace proxip::api
