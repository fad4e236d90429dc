#include "model/text.hpp"

#include <charconv>
#include <memory>

#include <fmt/format.h>

namespace proxip {

std::string printable(std::string_view text, std::size_t max_length) {
    std::string out;
    for (const char character : text) {
        if (out.size() >= max_length) {
            return out + "...";
        }
        if (character >= ' ' && character <= '~') {
            out += character;
        } else {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(character));
        }
    }
    return out;
}

std::string quote(std::string_view text) {
    constexpr std::size_t longest = 60;
    return '"' + printable(text, longest) + '"';
}

std::unexpected<Error> unfit(std::string_view found, std::string_view expected) {
    return fail(ErrorCode::invalid, fmt::format("found {}, expected {}", quote(found), expected));
}

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max) {
    if (text.empty() || text.front() < '0' || text.front() > '9' || (text.front() == '0' && text.size() > 1)) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    const char* const end = std::to_address(text.end());
    const auto [stop, error] = std::from_chars(std::to_address(text.begin()), end, value);
    if (error != std::errc{} || stop != end || value > max) {
        return std::nullopt;
    }
    return value;
}

std::string alternatives(const std::vector<std::string_view>& names) {
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) {
            out += i + 1 == names.size() ? " or " : ", ";
        }
        out += names[i];
    }
    return out;
}

} // namespace proxip
