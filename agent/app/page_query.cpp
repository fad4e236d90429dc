#include "app/page_query.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace proxip::app {

namespace {

constexpr std::size_t longest_find = 64;
constexpr std::size_t highest_from = 1'000'000;

std::optional<char> from_hex(std::string_view two) {
    unsigned value = 0;
    const auto [stop, error] = std::from_chars(two.begin(), two.end(), value, 16);
    return two.size() == 2 && error == std::errc{} && stop == two.end() ? std::optional(static_cast<char>(value))
                                                                        : std::nullopt;
}

std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = text[i] == '%' ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
        out += byte ? *byte : text[i] == '+' ? ' ' : text[i];
        i += byte ? 2 : 0;
    }
    return out;
}

std::size_t number(std::string_view text) {
    std::size_t value = 0;
    const auto [stop, error] = std::from_chars(text.begin(), text.end(), value);
    return error == std::errc{} && stop == text.end() ? std::min(value, highest_from) : 0;
}

} // namespace

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

PageQuery page_query(std::string_view target) {
    PageQuery out;
    const std::size_t mark = target.find('?');
    std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
    while (!rest.empty()) {
        const std::string_view part = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
        if (part.starts_with("find=")) {
            out.find = lower_case(decoded(part.substr(5)).substr(0, longest_find));
        } else if (part.starts_with("from=")) {
            out.from = number(part.substr(5));
        }
    }
    return out;
}

} // namespace proxip::app
