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

json overlay_json(const Overlay& overlay) {
    return {{"service", overlay.service},
            {"backend", overlay.backend.text()},
            {"admin", std::string(enum_name(overlay.admin))}};
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

Result<State> state_from(const json& body) {
    const json* generation = member(body, "generation", json::value_t::number_unsigned);
    if (generation == nullptr) {
        return damaged("'generation' is missing or not a number");
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
    return State{.generation = generation->get<std::uint64_t>(),
                 .running = std::move(*running),
                 .applied = std::move(*applied),
                 .file_digest = std::move(*digest_text),
                 .overlay = std::move(*overlays)};
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
    json overlays = json::array();
    for (const Overlay& overlay : state.overlay) {
        overlays.push_back(overlay_json(overlay));
    }
    const std::string body = json{
        {"generation", state.generation},
        {"running", to_json(state.running)},
        {"applied", to_json(state.applied)},
        {"file_digest", state.file_digest},
        {"overlay",
         std::move(overlays)}}.dump();
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
