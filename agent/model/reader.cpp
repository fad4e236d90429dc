#include "model/reader.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/text.hpp"

namespace proxip {

namespace {

using nlohmann::json;

std::string found_text(const json& value) {
    switch (value.type()) {
    case json::value_t::string: return quote(value.get_ref<const std::string&>());
    case json::value_t::object: return "a table";
    case json::value_t::array: return "an array";
    case json::value_t::binary: return "a date or time"; // toml_source.cpp
    default: return value.dump();
    }
}

// Levenshtein's distance, for a guess at what was meant.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
        }
    }
    return row.back();
}

std::string guess(std::string_view name, const std::vector<std::string_view>& known) {
    constexpr std::size_t longest = 64; // a key of megabytes is no misspelling
    if (name.size() > longest) {
        return {};
    }
    const auto nearest =
        std::ranges::min_element(known, {}, [name](std::string_view key) { return distance(name, key); });
    if (nearest == known.end() || distance(name, *nearest) > 2) {
        return {};
    }
    return fmt::format("; did you mean {}?", *nearest);
}

// The label of element `index` of the array `list`: its name where it has one that can be shown.
std::string label(const json* list, std::size_t index, bool by_name) {
    if (by_name && list != nullptr && list->is_array() && index < list->size() && (*list)[index].is_object()) {
        const auto name = (*list)[index].find("name");
        if (name != (*list)[index].end() && name->is_string() && !name->get_ref<const std::string&>().empty()) {
            return printable(name->get_ref<const std::string&>(), limits::max_name_length);
        }
    }
    return std::to_string(index);
}

const json* descend(const json* value, const Step& step) {
    if (value == nullptr) {
        return nullptr;
    }
    if (const auto* key = std::get_if<std::string>(&step)) {
        return value->is_object() && value->contains(*key) ? &(*value)[*key] : nullptr;
    }
    const std::size_t index = std::get<std::size_t>(step);
    return value->is_array() && index < value->size() ? &(*value)[index] : nullptr;
}

} // namespace

std::vector<Step> Reader::steps() const {
    std::vector<Step> way;
    for (const Reader* at = this; at->outer_ != nullptr; at = at->outer_) {
        if (at->name_.empty()) {
            way.emplace_back(at->place_);
        } else {
            way.emplace_back(std::string{at->name_});
        }
    }
    std::ranges::reverse(way);
    return way;
}

Misfit Reader::misfit(std::string message) const {
    return {.message = std::move(message), .where = steps()};
}

Misfit Reader::expected(std::string_view what) const {
    return misfit(fmt::format("found {}, expected {}", found_text(value_), what));
}

Misfit Reader::unknown_key(std::string_view name, const std::vector<std::string_view>& known) const {
    Misfit result =
        misfit(fmt::format("unknown key, expected one of {}{}", fmt::join(known, ", "), guess(name, known)));
    result.where.emplace_back(std::string{name});
    result.at_key = true;
    return result;
}

Trouble read_string(const Reader& reader, std::string& out) {
    if (!reader.value().is_string()) {
        return reader.expected("a string");
    }
    out = reader.value().get_ref<const std::string&>();
    return std::nullopt;
}

Trouble read_bool(const Reader& reader, bool& out) {
    if (!reader.value().is_boolean()) {
        return reader.expected("true or false");
    }
    out = reader.value().get<bool>();
    return std::nullopt;
}

std::string path_text(const json& root, const std::vector<Step>& steps) {
    std::string path;
    const json* at = &root;
    bool named = false; // the array that we are in has elements with names
    for (const Step& step : steps) {
        if (const auto* key = std::get_if<std::string>(&step)) {
            const bool top = path.empty();
            named = top && (*key == "service" || *key == "proxy_pool");
            path += top ? "" : ".";
            path += top && *key == "proxy_pool" ? "pool" : printable(*key, limits::max_name_length);
        } else {
            path += fmt::format("[{}]", label(at, std::get<std::size_t>(step), named));
        }
        at = descend(at, step);
    }
    return path;
}

} // namespace proxip
