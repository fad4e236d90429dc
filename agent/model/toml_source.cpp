#include <exception>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "model/source.hpp"
#include "model/text.hpp"

namespace proxip {

namespace {

using nlohmann::json;

Position position_of(const toml::source_region& region) {
    return {.line = region.begin.line, .column = region.begin.column};
}

std::unexpected<SyntaxFault> syntax_fault(std::string_view message, const toml::source_region& region) {
    return std::unexpected(SyntaxFault{.message = printable(message), .position = position_of(region), .path = {}});
}

using Converted = std::expected<json, SyntaxFault>;
Converted convert(const toml::node& node, std::size_t depth);

Converted convert_table(const toml::table& table, std::size_t depth) {
    json out = json::object();
    for (const auto& [key, value] : table) {
        Converted inner = convert(value, depth + 1);
        if (!inner) {
            return inner;
        }
        out.emplace(std::string{key.str()}, std::move(*inner));
    }
    return out;
}

Converted convert_array(const toml::array& array, std::size_t depth) {
    json out = json::array();
    for (const toml::node& value : array) {
        Converted inner = convert(value, depth + 1);
        if (!inner) {
            return inner;
        }
        out.push_back(std::move(*inner));
    }
    return out;
}

Converted convert(const toml::node& node, std::size_t depth) {
    if (depth > max_depth) {
        return syntax_fault(fmt::format("found values nested more than {} deep, expected fewer", max_depth),
                            node.source());
    }
    switch (node.type()) {
    case toml::node_type::table: return convert_table(*node.as_table(), depth);
    case toml::node_type::array: return convert_array(*node.as_array(), depth);
    case toml::node_type::string: return json(node.as_string()->get());
    case toml::node_type::integer: return json(node.as_integer()->get());
    case toml::node_type::floating_point: return json(node.as_floating_point()->get());
    case toml::node_type::boolean: return json(node.as_boolean()->get());
    default: return json::binary({}); // dates and times: no key takes one, and JSON has no word for them
    }
}

class TomlText final : public SourceText {
  public:
    TomlText(toml::table table, json value) : table_(std::move(table)), value_(std::move(value)) {}

    [[nodiscard]] const json& value() const override { return value_; }

    [[nodiscard]] std::optional<Position> locate(const std::vector<Step>& steps, bool at_key) const override {
        const toml::node* node = &table_;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const auto* key = std::get_if<std::string>(&steps[i]);
            if (key != nullptr && at_key && i + 1 == steps.size()) {
                return key_position(*node, *key);
            }
            const toml::node* inner =
                key != nullptr ? child(*node, *key) : child(*node, std::get<std::size_t>(steps[i]));
            if (inner == nullptr) {
                break;
            }
            node = inner;
        }
        return position_of(node->source());
    }

  private:
    static const toml::node* child(const toml::node& node, std::string_view key) {
        return node.is_table() ? node.as_table()->get(key) : nullptr;
    }
    static const toml::node* child(const toml::node& node, std::size_t index) {
        return node.is_array() ? node.as_array()->get(index) : nullptr;
    }
    static Position key_position(const toml::node& node, std::string_view wanted) {
        if (const toml::table* table = node.as_table()) {
            for (const auto& [key, value] : *table) {
                if (key.str() == wanted) {
                    return position_of(key.source());
                }
            }
        }
        return position_of(node.source());
    }

    toml::table table_;
    json value_;
};

} // namespace

Parsed parse_toml(std::string_view text) {
    if (auto fault = toml_guard(text)) {
        return std::unexpected(std::move(*fault));
    }
    try { // the library as Debian builds it reports by exceptions; they end here
        toml::table table = toml::parse(text, std::string_view{});
        Converted value = convert(table, 0);
        if (!value) {
            return std::unexpected(std::move(value.error()));
        }
        return std::make_unique<TomlText>(std::move(table), std::move(*value));
    } catch (const toml::parse_error& error) {
        return syntax_fault(error.description(), error.source());
    } catch (const std::exception& error) {
        return std::unexpected(SyntaxFault{.message = printable(error.what()), .position = std::nullopt, .path = {}});
    }
}

} // namespace proxip
