#include "cli/utf8.hpp"

#include <cstdint>

namespace proxip::cli {
namespace {

struct Lead {
    std::size_t length; // of the whole sequence; 0: not a lead byte
    std::uint8_t second_from = 0x80;
    std::uint8_t second_to = 0xbf;
};

// RFC 3629 section 4: the second byte's range keeps overlong forms, surrogates and what is above U+10FFFF out.
Lead lead_of(std::uint8_t byte) {
    if (byte < 0x80) {
        return {1};
    }
    if (byte < 0xc2 || byte > 0xf4) {
        return {0};
    }
    if (byte < 0xe0) {
        return {2};
    }
    if (byte < 0xf0) {
        return {3, static_cast<std::uint8_t>(byte == 0xe0 ? 0xa0 : 0x80),
                static_cast<std::uint8_t>(byte == 0xed ? 0x9f : 0xbf)};
    }
    return {4, static_cast<std::uint8_t>(byte == 0xf0 ? 0x90 : 0x80),
            static_cast<std::uint8_t>(byte == 0xf4 ? 0x8f : 0xbf)};
}

bool well_formed(std::string_view sequence, const Lead& lead) {
    for (std::size_t i = 1; i < sequence.size(); ++i) {
        const auto byte = static_cast<std::uint8_t>(sequence[i]);
        const bool second = i == 1;
        if (byte < (second ? lead.second_from : 0x80) || byte > (second ? lead.second_to : 0xbf)) {
            return false;
        }
    }
    return true;
}

} // namespace

std::size_t utf8_prefix(std::string_view text) {
    std::size_t good = 0;
    while (good < text.size()) {
        const auto lead = lead_of(static_cast<std::uint8_t>(text[good]));
        if (lead.length == 0 || good + lead.length > text.size() ||
            !well_formed(text.substr(good, lead.length), lead)) {
            break;
        }
        good += lead.length;
    }
    return good;
}

} // namespace proxip::cli
