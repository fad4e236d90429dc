#pragma once

// Text to configuration and back. TOML and JSON share one schema: both become a JSON value, then types. Strict: an
// unknown key, a wrong type, a duplicate or a bad value is an error that says where, what, and what was expected. For
// TOML the path starts with FILE:LINE:COLUMN.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "model/config.hpp"

namespace proxip {

enum class Format { toml, json };

// `source` names the input in errors ("/etc/proxip/lb.toml", "-"). The format is found out: JSON starts with '{'. What
// comes back has passed validate(): its errors get a line and column here too.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view source);

// All keys that differ from their defaults, plus the ones that a reader looks for; parse_config(write) == config.
[[nodiscard]] std::string write_config(const Config& config, Format format);

[[nodiscard]] nlohmann::json to_json(const Config& config);
[[nodiscard]] Result<Config> config_from_json(const nlohmann::json& value); // does not call validate()

// The parts, for the control protocol: the same schema, and the same strictness. Paths in errors start at the part.
[[nodiscard]] nlohmann::json to_json(const Service& service);
[[nodiscard]] nlohmann::json to_json(const Backend& backend);
[[nodiscard]] nlohmann::json to_json(const ProxyPool& pool);
[[nodiscard]] nlohmann::json to_json(const Check& check);
[[nodiscard]] nlohmann::json to_json(const IdleTimeouts& timeouts); // those that differ from their defaults
[[nodiscard]] Result<Service> service_from_json(const nlohmann::json& value);
[[nodiscard]] Result<Backend> backend_from_json(const nlohmann::json& value);
[[nodiscard]] Result<ProxyPool> pool_from_json(const nlohmann::json& value);
[[nodiscard]] Result<Check> check_from_json(const nlohmann::json& value);
[[nodiscard]] Result<IdleTimeouts> idle_timeouts_from_json(const nlohmann::json& value);

// Single values in the contract's text form, shared with the command line and the control protocol.
[[nodiscard]] Result<Millis>
parse_duration(std::string_view text); // "500ms", "2s", "5m", "2h", "1d", and sums: "1h30m"
[[nodiscard]] std::string duration_text(Millis value);
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);
[[nodiscard]] std::string bytes_text(std::uint64_t value);

// Names of each enum, in both directions; the error lists what is allowed ("expected maglev, round-robin or
// source-hash").
template <typename Enum>
[[nodiscard]] std::string_view enum_name(Enum value);
template <typename Enum>
[[nodiscard]] Result<Enum> parse_enum(std::string_view text);
// Instantiated for XdpMode, Scheduler, Snat, OnFailure, OnDown, OnAllDown, CheckType, Admin, Protocol.

} // namespace proxip
