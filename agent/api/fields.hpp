#pragma once

// Types to JSON and back. Each message says once which fields it has (shapes.hpp: `describe`), and Writer and Reader
// walk that one list, so that the two directions cannot drift apart.

#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/codec.hpp"

namespace proxip::api {

using Json = nlohmann::json;

enum class Nulls { omit, write };    // what an empty optional becomes
enum class Keys { strict, growing }; // whether keys that we do not know are an error

// Values with a text form of their own: addresses, ranges.
template <typename T>
concept Textual = requires(const T& value, std::string_view text) {
    { value.text() } -> std::same_as<std::string>;
    { T::parse(text) } -> std::same_as<Result<T>>;
};

// Values that the configuration's codec writes.
template <typename T>
struct Modelled : std::false_type {};
template <>
struct Modelled<Service> : std::true_type {
    static Result<Service> read(const Json& value) { return service_from_json(value); }
};
template <>
struct Modelled<Backend> : std::true_type {
    static Result<Backend> read(const Json& value) { return backend_from_json(value); }
};
template <>
struct Modelled<ProxyPool> : std::true_type {
    static Result<ProxyPool> read(const Json& value) { return pool_from_json(value); }
};

template <typename T>
struct OptionalOf : std::false_type {};
template <typename T>
struct OptionalOf<std::optional<T>> : std::true_type {
    using Value = T;
};
template <typename T>
struct VectorOf : std::false_type {};
template <typename T>
struct VectorOf<std::vector<T>> : std::true_type {
    using Value = T;
};

[[nodiscard]] inline std::unexpected<Error> unexpected_type(const Json& value, std::string_view expected) {
    return fail(ErrorCode::invalid, fmt::format("expected {}, found {}", expected, value.type_name()));
}

// ---- out ------------------------------------------------------------------------------------------------------------

class Writer {
  public:
    explicit Writer(Nulls nulls) : nulls_(nulls) {}

    template <typename T>
    void operator()(std::string_view key, const T& value) {
        Json written = to_value(value);
        if (nulls_ == Nulls::write || !written.is_null()) {
            object_[std::string{key}] = std::move(written);
        }
    }
    template <typename T>
    void defaulted(std::string_view key, const T& value) {
        (*this)(key, value);
    }
    [[nodiscard]] Json take() && { return std::move(object_); }

    template <typename T>
    [[nodiscard]] Json to_value(const T& value) const;

  private:
    Nulls nulls_;
    Json object_ = Json::object();
};

template <typename T>
Json Writer::to_value(const T& value) const {
    if constexpr (std::is_arithmetic_v<T> || std::same_as<T, std::string> ||
                  std::same_as<T, std::map<std::string, std::uint64_t>>) {
        return Json(value);
    } else if constexpr (std::same_as<T, Millis>) {
        return Json(duration_text(value));
    } else if constexpr (std::is_enum_v<T>) {
        return Json(std::string{enum_name(value)});
    } else if constexpr (Textual<T>) {
        return Json(value.text());
    } else if constexpr (Modelled<T>::value) {
        return to_json(value);
    } else if constexpr (OptionalOf<T>::value) {
        return value ? to_value(*value) : Json(nullptr);
    } else if constexpr (VectorOf<T>::value) {
        Json array = Json::array();
        for (const auto& element : value) {
            array.push_back(to_value(element));
        }
        return array;
    } else {
        Writer nested(nulls_);
        describe(nested, value);
        return std::move(nested).take();
    }
}

// ---- in -------------------------------------------------------------------------------------------------------------

template <typename T>
[[nodiscard]] Result<T> from_value(const Json& value, Keys keys);

class Reader {
  public:
    Reader(const Json& object, Keys keys) : object_(object), keys_(keys) {
        if (!object.is_object()) {
            error_ = unexpected_type(object, "an object").error();
        }
    }

    // A key that must be there, unless it is an optional.
    template <typename T>
    void operator()(std::string_view key, T& out) {
        take(key, out, !OptionalOf<T>::value);
    }
    // A key that may be left out: `out` keeps its default then.
    template <typename T>
    void defaulted(std::string_view key, T& out) {
        take(key, out, false);
    }
    [[nodiscard]] Result<void> finish();

  private:
    template <typename T>
    void take(std::string_view key, T& out, bool required);

    const Json& object_;
    Keys keys_;
    std::vector<std::string_view> known_;
    std::optional<Error> error_; // the first one
};

template <typename T>
void Reader::take(std::string_view key, T& out, bool required) {
    if (error_) {
        return;
    }
    known_.push_back(key);
    const auto place = object_.find(std::string{key});
    if (place == object_.end()) {
        if (required) {
            error_ = Error{ErrorCode::invalid, "missing", std::string{key}};
        }
        return;
    }
    auto value = from_value<T>(*place, keys_);
    if (value) {
        out = std::move(*value);
    } else {
        error_ = std::move(value.error()).within(key);
    }
}

template <typename T>
Result<T> integer_from(const Json& value) {
    const auto expected = [] { return fmt::format("an integer from 0 to {}", std::numeric_limits<T>::max()); };
    if (!value.is_number_unsigned()) { // a negative number is not
        return value.is_number()
                   ? fail(ErrorCode::invalid, fmt::format("expected {}, found {}", expected(), value.dump()))
                   : unexpected_type(value, expected());
    }
    const auto number = value.get<std::uint64_t>();
    if (number > std::numeric_limits<T>::max()) {
        return fail(ErrorCode::invalid, fmt::format("expected {}, found {}", expected(), number));
    }
    return static_cast<T>(number);
}

template <typename T>
Result<std::vector<T>> array_from(const Json& value, Keys keys) {
    if (!value.is_array()) {
        return unexpected_type(value, "an array");
    }
    std::vector<T> elements;
    elements.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
        auto element = from_value<T>(value[i], keys);
        if (!element) {
            return std::unexpected(std::move(element.error()).within(fmt::format("[{}]", i)));
        }
        elements.push_back(std::move(*element));
    }
    return elements;
}

[[nodiscard]] Result<std::map<std::string, std::uint64_t>> counters_from(const Json& value);

template <typename T>
Result<T> object_from(const Json& value, Keys keys) {
    Reader reader(value, keys);
    T object;
    describe(reader, object);
    if (auto done = reader.finish(); !done) {
        return std::unexpected(std::move(done.error()));
    }
    return object;
}

// A value that stands as text in JSON.
template <typename T>
Result<T> text_from(const Json& value) {
    if (!value.is_string()) {
        return unexpected_type(value, "a string");
    }
    const auto& text = value.get_ref<const std::string&>();
    if constexpr (std::same_as<T, std::string>) {
        return text;
    } else if constexpr (std::same_as<T, Millis>) {
        return parse_duration(text);
    } else if constexpr (std::is_enum_v<T>) {
        return parse_enum<T>(text);
    } else {
        return T::parse(text);
    }
}

template <typename T>
Result<T> from_value(const Json& value, Keys keys) {
    if constexpr (std::same_as<T, bool>) {
        return value.is_boolean() ? Result<T>(value.get<bool>()) : unexpected_type(value, "true or false");
    } else if constexpr (std::unsigned_integral<T>) {
        return integer_from<T>(value);
    } else if constexpr (std::floating_point<T>) {
        return value.is_number() ? Result<T>(value.get<T>()) : unexpected_type(value, "a number");
    } else if constexpr (std::same_as<T, std::map<std::string, std::uint64_t>>) {
        return counters_from(value);
    } else if constexpr (std::same_as<T, std::string> || std::same_as<T, Millis> || std::is_enum_v<T> || Textual<T>) {
        return text_from<T>(value);
    } else if constexpr (Modelled<T>::value) {
        return Modelled<T>::read(value);
    } else if constexpr (OptionalOf<T>::value) {
        if (value.is_null()) {
            return T{};
        }
        auto inner = from_value<typename OptionalOf<T>::Value>(value, keys);
        return inner ? Result<T>(std::move(*inner)) : std::unexpected(std::move(inner.error()));
    } else if constexpr (VectorOf<T>::value) {
        return array_from<typename VectorOf<T>::Value>(value, keys);
    } else {
        return object_from<T>(value, keys);
    }
}

} // namespace proxip::api
