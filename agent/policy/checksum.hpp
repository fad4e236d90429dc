#pragma once

// The Internet checksum (RFC 1071), on 16-bit words in the order in which they stand in a packet: what is folded can be
// compared and stored without a thought of byte order.

#include <cstdint>
#include <cstring>
#include <span>

namespace proxip::policy {

// An even number of bytes, at most 128 KiB.
[[nodiscard]] inline std::uint32_t internet_sum(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, bytes.data() + i, sizeof word);
        sum += word;
    }
    return sum;
}

// 0xffff over what holds a right checksum; its complement is what makes it right.
[[nodiscard]] inline std::uint16_t folded(std::uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

} // namespace proxip::policy
