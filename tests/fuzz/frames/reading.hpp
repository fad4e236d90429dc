#pragma once

// A frame as a reader sees it who knows the RFCs and not bpf/packet.h: what is it, and where is what?

#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/frame.hpp"

namespace proxip::fuzz {

using packet::Bytes;
using packet::Frame;
using packet::Mac;
using View = std::span<const std::uint8_t>;

enum class Kind : std::uint8_t {
    other, // to somebody else, or nothing that a load balancer reads
    arp,
    flow, // TCP or UDP, whole or the first piece, with sound lengths
    piece,
    icmp,
    protocol,
    extension, // IPv6: headers that are not walked over
    malformed,
};
[[nodiscard]] const char* name(Kind kind);

// Offsets are from the start of the bytes that were read.
struct Reading {
    Kind kind = Kind::other;
    bool v6 = false;
    bool to_group = false; // of Ethernet
    bool has_addresses = false;
    bool first_piece = false;
    bool cut_allowed = false; // IPv4, DF not set
    std::uint8_t protocol = 0;
    std::size_t ip = 0;
    std::size_t ip_bytes = 0;
    std::size_t l4 = 0;
    std::size_t l4_bytes = 0;
    std::size_t extensions = 0;  // how many
    std::size_t fragment_id = 0; // IPv6: where it stands, 0: nowhere

    [[nodiscard]] bool is_udp() const { return protocol == 17; }
    [[nodiscard]] std::size_t address_bytes() const { return v6 ? 16 : 4; }
    [[nodiscard]] std::size_t source() const { return ip + (v6 ? 8 : 12); }
    [[nodiscard]] std::size_t destination() const { return source() + address_bytes(); }
    [[nodiscard]] std::size_t hops() const { return ip + (v6 ? 7 : 8); }
    [[nodiscard]] std::size_t l4_checksum() const { return l4 + (protocol == 6 ? 16 : is_udp() ? 6 : 2); }
};

// `own`: of the interface that the frame comes in by.
[[nodiscard]] Reading read(View frame, const Mac& own);
// What an ICMP error quotes, from `at` on: at least eight bytes of TCP or UDP, else kind is malformed.
[[nodiscard]] Reading read_quote(View frame, std::size_t at, std::size_t end, bool v6);

[[nodiscard]] unsigned get16(View bytes, std::size_t at);
[[nodiscard]] std::uint32_t get32(View bytes, std::size_t at);
void set16(Bytes& bytes, std::size_t at, unsigned value);
[[nodiscard]] inline View part(View bytes, std::size_t at, std::size_t size) {
    return bytes.subspan(at, size);
}
[[nodiscard]] bool same(View a, View b);

// Sums modulo 0xffff of everything that a checksum covers, itself included; of a right one: 0.
[[nodiscard]] unsigned header_excess(View bytes, const Reading& r);                   // of IPv4
[[nodiscard]] unsigned l4_excess(View bytes, const Reading& r, std::size_t l4_bytes); // of so much of L4
[[nodiscard]] unsigned pseudo_header(View bytes, const Reading& r, std::size_t l4_bytes);

} // namespace proxip::fuzz
