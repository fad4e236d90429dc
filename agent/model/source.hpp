#pragma once

// Text to a JSON value, with the places of the text kept for errors. The only code that knows toml++ and the JSON
// parser.

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/misfit.hpp"

namespace proxip {

struct Position {
    std::uint32_t line = 0; // both from 1
    std::uint32_t column = 0;
};

struct SyntaxFault {
    std::string message;
    std::optional<Position> position;
    std::string path; // of the value that is wrong, where the text itself is well formed
};

class SourceText {
  public:
    virtual ~SourceText() = default;
    SourceText() = default;
    SourceText(const SourceText&) = delete;
    SourceText& operator=(const SourceText&) = delete;

    [[nodiscard]] virtual const nlohmann::json& value() const = 0;
    // Where the value (or its key) stands in the text; for what is missing, the nearest that is there.
    [[nodiscard]] virtual std::optional<Position> locate(const std::vector<Step>& steps, bool at_key) const = 0;
};

using Parsed = std::expected<std::unique_ptr<SourceText>, SyntaxFault>;

// The schema needs four levels; more is refused before anything recurses over it.
inline constexpr std::size_t max_depth = 16;

[[nodiscard]] Parsed parse_toml(std::string_view text);
[[nodiscard]] Parsed parse_json(std::string_view text);

// What toml++ cannot take safely, found without parsing: see toml_guard.cpp.
[[nodiscard]] std::optional<SyntaxFault> toml_guard(std::string_view text);

} // namespace proxip
