#pragma once

// How headers are written: network order, one field after the other.

#include "packet/frame.hpp"

namespace proxip::packet {

inline constexpr std::size_t ethernet_header = 14; // sizes
inline constexpr std::size_t ipv6_header = 40;

inline void put8(Bytes& out, unsigned value) {
    out.push_back(static_cast<std::uint8_t>(value));
}
inline void put16(Bytes& out, unsigned value) {
    put8(out, value >> 8 & 0xff);
    put8(out, value & 0xff);
}
inline void put32(Bytes& out, std::uint32_t value) {
    put16(out, value >> 16);
    put16(out, value & 0xffff);
}
template <typename Range>
void append(Bytes& out, const Range& range) {
    out.insert(out.end(), range.begin(), range.end());
}

inline void set16(Bytes& out, std::size_t at, std::uint16_t value) {
    out[at] = static_cast<std::uint8_t>(value >> 8);
    out[at + 1] = static_cast<std::uint8_t>(value & 0xff);
}

constexpr std::uint16_t inverted(std::uint16_t sum) {
    return static_cast<std::uint16_t>(~sum);
}

} // namespace proxip::packet
