#pragma once

// Typed text to values. Whatever is wrong with it is a usage error whose path is the option or the argument.

#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "model/codec.hpp"
#include "model/config.hpp"

namespace proxip::cli {

[[nodiscard]] std::unexpected<Error> usage(std::string message, std::string_view place);

template <typename T>
[[nodiscard]] Result<T> at(std::string_view place, Result<T> value) {
    return value ? std::move(value) : Result<T>(usage(std::move(value.error().message), place));
}

template <std::unsigned_integral T>
[[nodiscard]] Result<T> parse_number(std::string_view text) {
    T number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return fail(ErrorCode::invalid,
                    fmt::format("'{}': expected a number from 0 to {}", text, std::numeric_limits<T>::max()));
    }
    return number;
}

template <typename T>
[[nodiscard]] Result<T> parse_as(std::string_view text) {
    if constexpr (std::same_as<T, std::string>) {
        return std::string{text};
    } else if constexpr (std::same_as<T, Millis>) {
        return parse_duration(text);
    } else if constexpr (std::is_enum_v<T>) {
        return parse_enum<T>(text);
    } else if constexpr (std::unsigned_integral<T>) {
        return parse_number<T>(text);
    } else {
        return T::parse(text);
    }
}

using Text = std::optional<std::string>;
using Texts = std::vector<std::string>;

// `out` is set when `text` is there. The steps of one command line are joined by Reading: the first error ends them.
class Reading {
  public:
    template <typename Field>
    Reading& one(std::string_view place, const Text& text, Field& out) {
        if (text && !error_) {
            take<Field>(place, *text, out);
        }
        return *this;
    }
    template <typename T>
    Reading& one(std::string_view place, const Text& text, std::optional<T>& out) {
        if (text && !error_) {
            take<T>(place, *text, out);
        }
        return *this;
    }
    template <typename T>
    Reading& each(std::string_view place, const Texts& texts, std::vector<T>& out) {
        for (const auto& text : texts) {
            T value{};
            one(place, Text{text}, value);
            out.push_back(std::move(value));
        }
        return *this;
    }
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  private:
    template <typename T, typename Field>
    void take(std::string_view place, const std::string& text, Field& out) {
        auto value = at(place, parse_as<T>(text));
        if (value) {
            out = std::move(*value);
        } else {
            error_ = std::move(value.error());
        }
    }

    std::optional<Error> error_;
};

// "IP:PORT[,weight=N][,max-connections=N][,backup]"; what it does not say comes from `plain`.
[[nodiscard]] Result<Backend> parse_backend(std::string_view text, Backend plain = {});

} // namespace proxip::cli
