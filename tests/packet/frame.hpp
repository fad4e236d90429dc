#pragma once

// Frames as bytes, and as text that people can compare.

#include <array>
#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <vector>

namespace proxip::packet {

using Bytes = std::vector<std::uint8_t>;
using Mac = std::array<std::uint8_t, 6>;
using Ip = std::array<std::uint8_t, 4>;
using Ip6 = std::array<std::uint8_t, 16>;

struct Frame {
    Bytes bytes;

    bool operator==(const Frame&) const = default;
};

// One line a header, with every field that can differ, then the payload in hexadecimal. Says of each checksum whether
// it is right.
[[nodiscard]] std::string describe(const Frame& frame);
std::ostream& operator<<(std::ostream& out, const Frame& frame); // for Catch2

// Folded one's complement sum of big-endian 16-bit words (RFC 1071), an odd last byte being the high one; not inverted.
[[nodiscard]] std::uint16_t folded_sum(std::span<const std::uint8_t> bytes, std::uint32_t start = 0);
// Of the pseudo-header: what a sender leaves in the field when the NIC is to finish the checksum.
[[nodiscard]] std::uint16_t pseudo_sum(Ip source, Ip destination, std::uint8_t protocol, std::size_t l4_bytes);
[[nodiscard]] std::uint16_t pseudo_sum(const Ip6& source, const Ip6& destination, std::uint8_t protocol,
                                       std::size_t l4_bytes);

[[nodiscard]] std::string text(Ip address);
[[nodiscard]] std::string text(const Ip6& address);
[[nodiscard]] std::string text(const Mac& mac);

} // namespace proxip::packet
