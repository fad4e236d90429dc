#pragma once

// Types to JSON in the order in which a reader wants the keys; both formats are written from it.

#include <nlohmann/json.hpp>

#include "model/config.hpp"

namespace proxip {

using Ordered = nlohmann::ordered_json;

[[nodiscard]] Ordered encode(const Config& config);
[[nodiscard]] std::string toml_text(const Ordered& config);

} // namespace proxip
