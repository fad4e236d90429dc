#pragma once

#include <expected>

#include <nlohmann/json_fwd.hpp>

#include "model/misfit.hpp"

namespace proxip {

// The JSON value of a whole configuration as types, or the first thing in it that does not fit the schema.
[[nodiscard]] std::expected<Config, Misfit> decode_config(const nlohmann::json& value);

} // namespace proxip
