#include "api/messages.hpp"

#include <utility>

#include "api/exchange.hpp"
#include "api/fields.hpp"
#include "api/shapes.hpp"

namespace proxip::api {
namespace {

template <typename Variant, typename T>
Result<Variant> request_from(const Json& params) {
    auto request = from_value<T>(params, Keys::strict);
    if (!request) {
        return std::unexpected(std::move(request.error()));
    }
    return Variant{std::move(*request)};
}

// The alternative of Variant whose name it is, tried in order.
template <typename Variant, std::size_t Index = 0>
Result<Variant> named_request(const std::string& name, const Json& params) {
    if constexpr (Index == std::variant_size_v<Variant>) {
        return fail(ErrorCode::invalid, fmt::format("unknown request '{}'", name.substr(0, 64)), "request");
    } else {
        using Candidate = std::variant_alternative_t<Index, Variant>;
        return name == Exchange<Candidate>::name ? request_from<Variant, Candidate>(params)
                                                 : named_request<Variant, Index + 1>(name, params);
    }
}

template <typename Variant>
Json envelope_of(const Variant& request) {
    return std::visit(
        [](const auto& it) {
            using T = std::decay_t<decltype(it)>;
            return Json{{"request", Exchange<T>::name}, {"params", Writer(Nulls::omit).to_value(it)}};
        },
        request);
}

struct Envelope {
    std::string request;
    Json params = Json::object();
};

Result<Envelope> open_envelope(const Json& value) {
    if (!value.is_object()) {
        return unexpected_type(value, "an object with 'request' and 'params'");
    }
    Envelope envelope;
    for (const auto& [key, element] : value.items()) {
        if (key == "params") {
            envelope.params = element;
        } else if (key != "request") {
            return fail(ErrorCode::invalid, "unknown key: expected request, params", key);
        }
    }
    const auto name = value.find("request");
    if (name == value.end() || !name->is_string()) {
        return fail(ErrorCode::invalid, "expected the request's name", "request");
    }
    envelope.request = name->get<std::string>();
    return envelope;
}

template <typename Variant>
Result<Variant> read_envelope(const Json& value) {
    auto envelope = open_envelope(value);
    if (!envelope) {
        return std::unexpected(std::move(envelope.error()));
    }
    return named_request<Variant>(envelope->request, envelope->params);
}

} // namespace

Json encode(const Request& request) {
    return envelope_of(request);
}

Result<Request> decode_request(const Json& value) {
    return read_envelope<Request>(value);
}

Json to_json(const Edit& edit) {
    return envelope_of(edit);
}

Result<Edit> Modelled<Edit>::read(const Json& value) {
    return read_envelope<Edit>(value);
}

std::optional<Edit> edit_of(const Request& request) {
    return std::visit(
        [](const auto& it) -> std::optional<Edit> {
            if constexpr (std::constructible_from<Edit, decltype(it)>) {
                return Edit{it};
            } else {
                return std::nullopt;
            }
        },
        request);
}

Json encode(const Answer& answer) {
    return std::visit([](const auto& it) { return Writer(Nulls::write).to_value(it); }, answer);
}

Json encode(const Error& error) {
    return Json{{"code", code_name(error.code)}, {"message", error.message}, {"path", error.path}};
}

Result<Answer> decode_answer(const Request& request, const Json& value) {
    return std::visit(
        [&value](const auto& it) -> Result<Answer> {
            using Reply = typename Exchange<std::decay_t<decltype(it)>>::Reply;
            auto reply = from_value<Reply>(value, Keys::growing);
            if (!reply) {
                return std::unexpected(std::move(reply.error()));
            }
            return Answer{std::move(*reply)};
        },
        request);
}

} // namespace proxip::api
