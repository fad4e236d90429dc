// What packets are made of beside the headers that all have: extension headers, neighbour discovery, quotes, and
// pieces.

#include <algorithm>
#include <stdexcept>

#include "packet/bytes.hpp"
#include "packet/packet.hpp"

namespace proxip::packet {

namespace {

constexpr std::uint8_t kind_hop_by_hop = 0;
constexpr std::uint8_t kind_routing = 43;
constexpr std::uint8_t kind_fragment = 44;
constexpr std::uint8_t kind_destination = 60;
constexpr unsigned more_fragments = 0x2000;

std::uint8_t length_field(std::size_t bytes) {
    return static_cast<std::uint8_t>(bytes / 8 - 1);
}

Extension options(std::uint8_t kind, std::size_t bytes) {
    Extension out{.kind = kind, .rest = Bytes(bytes - 1)}; // zeros: Pad1
    out.rest[0] = length_field(bytes);
    return out;
}

struct Piece {
    std::size_t begin;
    std::size_t end;
    bool last;
};

std::vector<Piece> pieces(const std::vector<std::size_t>& at, std::size_t size) {
    std::vector<Piece> out;
    std::size_t begin = 0;
    for (const std::size_t end : at) {
        if (end % 8 != 0 || end <= begin || end >= size) {
            throw std::invalid_argument("a datagram cannot be cut there");
        }
        out.push_back({.begin = begin, .end = end, .last = false});
        begin = end;
    }
    out.push_back({.begin = begin, .end = size, .last = true});
    return out;
}

void append_piece(Bytes& out, const Bytes& from, const Piece& piece) {
    out.insert(out.end(), from.begin() + static_cast<std::ptrdiff_t>(piece.begin),
               from.begin() + static_cast<std::ptrdiff_t>(piece.end));
}

Frame ipv4_piece(const Bytes& header, const Bytes& data, const Piece& piece, std::uint32_t id) {
    Frame out{header};
    Bytes ip(header.begin() + ethernet_header, header.end());
    set16(ip, 2, static_cast<std::uint16_t>(ip.size() + piece.end - piece.begin));
    set16(ip, 4, static_cast<std::uint16_t>(id));
    set16(ip, 6, static_cast<std::uint16_t>((piece.last ? 0 : more_fragments) | piece.begin / 8));
    set16(ip, 10, 0);
    set16(ip, 10, inverted(folded_sum(ip)));
    std::copy(ip.begin(), ip.end(), out.bytes.begin() + ethernet_header);
    append_piece(out.bytes, data, piece);
    return out;
}

Frame ipv6_piece(const Bytes& header, const Bytes& data, const Piece& piece, std::uint32_t id) {
    constexpr std::size_t next_header = ethernet_header + 6;
    const Extension fragment = fragment_header(id, static_cast<std::uint16_t>(piece.begin / 8), !piece.last);
    Frame out{header};
    set16(out.bytes, ethernet_header + 4, static_cast<std::uint16_t>(8 + piece.end - piece.begin));
    put8(out.bytes, header[next_header]);
    append(out.bytes, fragment.rest);
    out.bytes[next_header] = kind_fragment;
    append_piece(out.bytes, data, piece);
    return out;
}

} // namespace

Extension hop_by_hop(std::size_t bytes) {
    return options(kind_hop_by_hop, bytes);
}
Extension destination_options(std::size_t bytes) {
    return options(kind_destination, bytes);
}

Extension routing(std::uint8_t segments_left, std::size_t bytes) {
    constexpr std::uint8_t segment_routing = 4; // RFC 8754
    Extension out{.kind = kind_routing, .rest = Bytes(bytes - 1)};
    out.rest[0] = length_field(bytes);
    out.rest[1] = segment_routing;
    out.rest[2] = segments_left;
    return out;
}

Extension fragment_header(std::uint32_t id, std::uint16_t offset, bool more) {
    Extension out{.kind = kind_fragment, .rest = {}};
    put8(out.rest, 0);
    put16(out.rest, static_cast<unsigned>(offset << 3) | (more ? 1U : 0U));
    put32(out.rest, id);
    return out;
}

Packet operator/(Packet packet, const Solicitation& asked) {
    Bytes rest;
    append(rest, asked.target);
    if (asked.source_mac) {
        put8(rest, 1); // source link-layer address
        put8(rest, 1);
        append(rest, *asked.source_mac);
    }
    return std::move(packet) / Icmp{.type = 135, .code = asked.code, .checksum = asked.checksum} / Payload(rest);
}

Packet operator/(Packet packet, const Advertisement& told) {
    Bytes rest;
    append(rest, told.target);
    put8(rest, 2); // target link-layer address
    put8(rest, 1);
    append(rest, told.target_mac);
    const auto flags = static_cast<std::uint16_t>((told.solicited ? 0x4000U : 0U) | (told.overrides ? 0x2000U : 0U));
    return std::move(packet) / Icmp{.type = 136, .first = flags} / Payload(rest);
}

Payload quote(const Packet& packet, std::size_t most) {
    Bytes ip = packet.ip_packet();
    ip.resize(std::min(ip.size(), most));
    return Payload(std::move(ip));
}

std::vector<Frame> cut(const Packet& datagram, std::uint32_t id, const std::vector<std::size_t>& at) {
    const Bytes whole = datagram.frame().bytes;
    const std::size_t headers =
        ethernet_header + (datagram.ip6 ? ipv6_header : 20 + datagram.ip.value().options.size());
    const Bytes header(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(headers));
    const Bytes data(whole.begin() + static_cast<std::ptrdiff_t>(headers), whole.end());
    std::vector<Frame> out;
    for (const Piece& piece : pieces(at, data.size())) {
        out.push_back(datagram.ip6 ? ipv6_piece(header, data, piece, id) : ipv4_piece(header, data, piece, id));
    }
    return out;
}

} // namespace proxip::packet
