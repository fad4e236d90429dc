#include "store/record.hpp"

#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/codec.hpp"

namespace proxip::store {

namespace {

using nlohmann::json;

constexpr int record_version = 1;

std::unexpected<Error> damaged(std::string why) {
    return fail(ErrorCode::failed, "damaged: " + std::move(why));
}

json overlay_json(const std::vector<Overlay>& overlays) {
    json out = json::array();
    for (const Overlay& overlay : overlays) {
        out.push_back({{"service", overlay.service},
                       {"backend", overlay.backend.text()},
                       {"admin", std::string(enum_name(overlay.admin))}});
    }
    return out;
}

json leaving_json(const std::map<ServiceAddress, std::string>& leaving) {
    json out = json::object();
    for (const auto& [address, name] : leaving) {
        out[address.text()] = name;
    }
    return out;
}

json confirm_json(const Confirm& confirm) {
    const auto deadline = std::chrono::duration_cast<Millis>(confirm.deadline.time_since_epoch());
    return {{"deadline", static_cast<std::uint64_t>(deadline.count())}, // since 1970
            {"limit", static_cast<std::uint64_t>(confirm.limit.count())},
            {"generation", confirm.former.generation},
            {"running", to_json(confirm.former.running)},
            {"applied", to_json(confirm.former.applied)},
            {"file_digest", confirm.former.file_digest},
            {"overlay", overlay_json(confirm.former.overlay)}};
}

const json* member(const json& object, const char* key, json::value_t type) {
    const auto found = object.find(key);
    return found != object.end() && found->type() == type ? &*found : nullptr;
}

Result<std::string> text_member(const json& object, const char* key) {
    const json* value = member(object, key, json::value_t::string);
    if (value == nullptr) {
        return damaged(fmt::format("'{}' is missing or not a string", key));
    }
    return value->get<std::string>();
}

Result<Config> config_member(const json& object, const char* key) {
    const json* value = member(object, key, json::value_t::object);
    if (value == nullptr) {
        return damaged(fmt::format("'{}' is missing or not an object", key));
    }
    auto config = config_from_json(*value);
    if (!config) {
        return std::unexpected(std::move(config.error()).within(key));
    }
    return config;
}

template <typename Value, typename Parse>
Result<Value> parsed_member(const json& object, const char* key, const Parse& parse) {
    auto text = text_member(object, key);
    if (!text) {
        return std::unexpected(std::move(text.error()));
    }
    Result<Value> value = parse(*text);
    if (!value) {
        return std::unexpected(std::move(value.error()).within(key));
    }
    return value;
}

Result<Overlay> read_overlay(const json& value) {
    if (!value.is_object()) {
        return damaged("an entry of 'overlay' is not an object");
    }
    auto service = text_member(value, "service");
    if (!service) {
        return std::unexpected(std::move(service.error()));
    }
    auto backend = parsed_member<SocketAddress>(value, "backend", &SocketAddress::parse);
    if (!backend) {
        return std::unexpected(std::move(backend.error()));
    }
    auto admin = parsed_member<Admin>(value, "admin", &parse_enum<Admin>);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    return Overlay{.service = std::move(*service), .backend = *backend, .admin = *admin};
}

Result<std::vector<Overlay>> overlay_member(const json& object) {
    const json* value = member(object, "overlay", json::value_t::array);
    if (value == nullptr) {
        return damaged("'overlay' is missing or not an array");
    }
    std::vector<Overlay> overlays;
    for (const json& entry : *value) {
        auto overlay = read_overlay(entry);
        if (!overlay) {
            return std::unexpected(std::move(overlay.error()).within(fmt::format("overlay[{}]", overlays.size())));
        }
        overlays.push_back(std::move(*overlay));
    }
    return overlays;
}

Result<std::uint64_t> number_member(const json& object, const char* key) {
    const json* value = member(object, key, json::value_t::number_unsigned);
    if (value == nullptr) {
        return damaged(fmt::format("'{}' is missing or not a number", key));
    }
    return value->get<std::uint64_t>();
}

Result<State> state_from(const json& body);

// Not there in what earlier releases wrote.
Result<std::map<ServiceAddress, std::string>> leaving_member(const json& body) {
    std::map<ServiceAddress, std::string> out;
    const json* value = member(body, "leaving", json::value_t::object);
    if (value == nullptr) {
        return out;
    }
    for (const auto& [text, name] : value->items()) {
        auto address = ServiceAddress::parse(text);
        if (!address || !name.is_string()) {
            return damaged(fmt::format("'leaving' has \"{}\", which is not a service and its name", text));
        }
        out.emplace(*address, name.get<std::string>());
    }
    return out;
}

Result<std::optional<Confirm>> confirm_member(const json& body) {
    const json* value = member(body, "confirm", json::value_t::object);
    if (value == nullptr) {
        return std::optional<Confirm>{};
    }
    const auto within_confirm = [](Error error) { return std::unexpected(std::move(error).within("confirm")); };
    auto deadline = number_member(*value, "deadline");
    if (!deadline) {
        return within_confirm(std::move(deadline.error()));
    }
    auto limit = number_member(*value, "limit");
    if (!limit) {
        return within_confirm(std::move(limit.error()));
    }
    auto former = state_from(*value);
    if (!former) {
        return within_confirm(std::move(former.error()));
    }
    return Confirm{.deadline = std::chrono::system_clock::time_point(Millis(*deadline)),
                   .limit = Millis(*limit),
                   .former = {.generation = former->generation,
                              .running = std::move(former->running),
                              .applied = std::move(former->applied),
                              .file_digest = std::move(former->file_digest),
                              .overlay = std::move(former->overlay)}};
}

Result<State> state_from(const json& body) {
    auto generation = number_member(body, "generation");
    if (!generation) {
        return std::unexpected(std::move(generation.error()));
    }
    auto running = config_member(body, "running");
    if (!running) {
        return std::unexpected(std::move(running.error()));
    }
    auto applied = config_member(body, "applied");
    if (!applied) {
        return std::unexpected(std::move(applied.error()));
    }
    auto digest_text = text_member(body, "file_digest");
    if (!digest_text) {
        return std::unexpected(std::move(digest_text.error()));
    }
    auto overlays = overlay_member(body);
    if (!overlays) {
        return std::unexpected(std::move(overlays.error()));
    }
    auto leaving = leaving_member(body);
    if (!leaving) {
        return std::unexpected(std::move(leaving.error()));
    }
    auto confirm = confirm_member(body);
    if (!confirm) {
        return std::unexpected(std::move(confirm.error()));
    }
    return State{.generation = *generation,
                 .running = std::move(*running),
                 .applied = std::move(*applied),
                 .file_digest = std::move(*digest_text),
                 .overlay = std::move(*overlays),
                 .leaving = std::move(*leaving),
                 .confirm = std::move(*confirm)};
}

Result<void> check_header(const json& header, std::string_view body) {
    if (!header.is_object()) {
        return damaged("the first line is not a JSON object");
    }
    const json* version = member(header, "version", json::value_t::number_unsigned);
    const json* bytes = member(header, "bytes", json::value_t::number_unsigned);
    const json* checksum = member(header, "checksum", json::value_t::string);
    if (version == nullptr || bytes == nullptr || checksum == nullptr) {
        return damaged("the first line does not have version, bytes and checksum");
    }
    if (*version != record_version) {
        return fail(ErrorCode::failed, fmt::format("written by another release: version {}, expected {}",
                                                   version->dump(), record_version));
    }
    if (*bytes != body.size()) {
        return damaged(fmt::format("{} bytes of state, expected {}", body.size(), bytes->dump()));
    }
    if (*checksum != digest(body)) {
        return damaged(fmt::format("the checksum is {}, expected {}", digest(body), checksum->get<std::string>()));
    }
    return {};
}

} // namespace

std::string write_record(const State& state) {
    json content{{"generation", state.generation},
                 {"running", to_json(state.running)},
                 {"applied", to_json(state.applied)},
                 {"file_digest", state.file_digest},
                 {"overlay", overlay_json(state.overlay)}};
    if (!state.leaving.empty()) {
        content["leaving"] = leaving_json(state.leaving);
    }
    if (state.confirm) {
        content["confirm"] = confirm_json(*state.confirm);
    }
    const std::string body = content.dump();
    const json header{{"version", record_version}, {"bytes", body.size()}, {"checksum", digest(body)}};
    return header.dump() + "\n" + body + "\n";
}

Result<State> read_record(std::string_view text) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) {
        return damaged(text.empty() ? "the file is empty" : "the file ends within its first line");
    }
    std::string_view body = text.substr(end + 1);
    if (body.ends_with('\n')) {
        body.remove_suffix(1);
    }
    if (auto good = check_header(json::parse(text.substr(0, end), nullptr, false), body); !good) {
        return std::unexpected(std::move(good.error()));
    }
    const json value = json::parse(body, nullptr, false);
    if (!value.is_object()) {
        return damaged("the state is not a JSON object");
    }
    return state_from(value);
}

} // namespace proxip::store
