#include "api/base64.hpp"

namespace proxip::api {
namespace {

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr unsigned bits_a_letter = 6;
constexpr unsigned bits_a_byte = 8;

} // namespace

std::string to_base64(std::span<const std::uint8_t> bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (const std::uint8_t byte : bytes) {
        pending = pending << bits_a_byte | byte;
        bits += bits_a_byte;
        while (bits >= bits_a_letter) {
            bits -= bits_a_letter;
            out += letters[pending >> bits & 63U];
        }
    }
    if (bits > 0) {
        out += letters[pending << (bits_a_letter - bits) & 63U];
    }
    out.append((4 - out.size() % 4) % 4, '=');
    return out;
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    while (!text.empty() && text.size() % 4 != 2 && text.back() == '=') { // at most two
        text.remove_suffix(1);
    }
    if (!text.empty() && text.size() % 4 == 2 && text.back() == '=') {
        return std::nullopt;
    }
    std::vector<std::uint8_t> out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (const char letter : text) {
        const auto place = letters.find(letter);
        if (place == std::string_view::npos) {
            return std::nullopt;
        }
        pending = pending << bits_a_letter | static_cast<std::uint32_t>(place);
        bits += bits_a_letter;
        if (bits >= bits_a_byte) {
            bits -= bits_a_byte;
            out.push_back(static_cast<std::uint8_t>(pending >> bits));
        }
    }
    return out;
}

} // namespace proxip::api
