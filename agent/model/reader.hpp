#pragma once

// Strict reading of JSON values into types. A reader is a value and the way to it; what does not fit is a Misfit that
// knows the way. Objects are read by a table of their fields, which is also what an unknown key is held against.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/misfit.hpp"
#include "model/result.hpp"

namespace proxip {

using Trouble = std::optional<Misfit>;

class Reader {
  public:
    explicit Reader(const nlohmann::json& value) : value_(value) {}

    [[nodiscard]] const nlohmann::json& value() const { return value_; }
    [[nodiscard]] Reader key(std::string_view name, const nlohmann::json& value) const {
        return {value, this, name, 0};
    }
    [[nodiscard]] Reader index(std::size_t place, const nlohmann::json& value) const {
        return {value, this, {}, place};
    }

    [[nodiscard]] Misfit misfit(std::string message) const;
    [[nodiscard]] Misfit expected(std::string_view what) const; // "found 3, expected a string"
    [[nodiscard]] Misfit unknown_key(std::string_view name, const std::vector<std::string_view>& known) const;

  private:
    Reader(const nlohmann::json& value, const Reader* outer, std::string_view name, std::size_t place)
        : value_(value), outer_(outer), name_(name), place_(place) {}
    [[nodiscard]] std::vector<Step> steps() const;

    const nlohmann::json& value_;
    const Reader* outer_ = nullptr; // an inner reader lives shorter than its outer one
    std::string_view name_;
    std::size_t place_ = 0;
};

template <typename T>
struct Field {
    std::string_view key;
    Trouble (*read)(const Reader&, T&);
    bool required = false;
};

// Known keys in the order of the table, then what is unknown, then what is missing.
template <typename T, std::size_t N>
[[nodiscard]] Trouble read_object(const Reader& reader, const Field<T> (&fields)[N], T& out) {
    const nlohmann::json& value = reader.value();
    if (!value.is_object()) {
        return reader.expected("a table of keys and values");
    }
    std::vector<std::string_view> known;
    std::string_view missing;
    for (const Field<T>& field : fields) {
        known.push_back(field.key);
        const auto found = value.find(field.key);
        if (found == value.end()) {
            missing = field.required && missing.empty() ? field.key : missing;
        } else if (Trouble trouble = field.read(reader.key(field.key, *found), out)) {
            return trouble;
        }
    }
    for (const auto& item : value.items()) {
        if (std::ranges::find(known, item.key()) == known.end()) {
            return reader.unknown_key(item.key(), known);
        }
    }
    return missing.empty() ? Trouble{}
                           : reader.misfit("has no key \"" + std::string{missing} + "\", which it must have");
}

template <typename T>
[[nodiscard]] Trouble read_list(const Reader& reader, Trouble (*read)(const Reader&, T&), std::vector<T>& out) {
    if (!reader.value().is_array()) {
        return reader.expected("an array");
    }
    out.clear();
    out.reserve(reader.value().size());
    for (const nlohmann::json& element : reader.value()) {
        T item{};
        if (Trouble trouble = read(reader.index(out.size(), element), item)) {
            return trouble;
        }
        out.push_back(std::move(item));
    }
    return std::nullopt;
}

template <typename T>
[[nodiscard]] Trouble read_parsed(const Reader& reader, Result<T> (*parse)(std::string_view), const std::string& text,
                                  T& out) {
    Result<T> parsed = parse(text);
    if (!parsed) {
        return reader.misfit(std::move(parsed.error().message));
    }
    out = std::move(*parsed);
    return std::nullopt;
}

// A value that stands in a string in a form of its own.
template <typename T>
[[nodiscard]] Trouble read_text(const Reader& reader, Result<T> (*parse)(std::string_view), T& out) {
    if (!reader.value().is_string()) {
        return reader.expected("a string");
    }
    return read_parsed(reader, parse, reader.value().get_ref<const std::string&>(), out);
}

[[nodiscard]] Trouble read_string(const Reader& reader, std::string& out);
[[nodiscard]] Trouble read_bool(const Reader& reader, bool& out);

template <typename T>
[[nodiscard]] Trouble read_whole(const Reader& reader, T least, T most, T& out) {
    const nlohmann::json& value = reader.value();
    const bool whole = value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
    if (!whole || value.get<std::uint64_t>() < least || value.get<std::uint64_t>() > most) {
        return reader.expected("a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    out = static_cast<T>(value.get<std::uint64_t>());
    return std::nullopt;
}

// How a reader of the error finds the place: "service[web].backend[0].weight". Names are looked up in `root`.
[[nodiscard]] std::string path_text(const nlohmann::json& root, const std::vector<Step>& steps);

} // namespace proxip
