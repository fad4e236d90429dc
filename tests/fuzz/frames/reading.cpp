#include "fuzz/frames/reading.hpp"

#include <algorithm>
#include <array>

namespace proxip::fuzz {

namespace {

constexpr std::size_t ethernet = 14;
constexpr std::uint8_t icmp4 = 1;
constexpr std::uint8_t tcp = 6;
constexpr std::uint8_t udp = 17;
constexpr std::uint8_t icmp6 = 58;

// Of what is whole: the lengths of L4 (RFC 9293 section 3.1, RFC 768).
Kind kind_of_l4(View bytes, const Reading& r) {
    const std::size_t room = std::min(r.l4_bytes, bytes.size() - r.l4);
    if (r.protocol == tcp) {
        const std::size_t header = room < 20 ? 0 : std::size_t{4} * (bytes[r.l4 + 12] >> 4);
        return header >= 20 && header <= r.l4_bytes ? Kind::flow : Kind::malformed;
    }
    if (r.protocol == udp) {
        const std::size_t length = room < 8 ? 0 : get16(bytes, r.l4 + 4);
        return length >= 8 && (length <= r.l4_bytes || r.first_piece) ? Kind::flow : Kind::malformed;
    }
    if (r.protocol == (r.v6 ? icmp6 : icmp4)) {
        return r.first_piece ? Kind::protocol : room < 8 ? Kind::malformed : Kind::icmp;
    }
    return Kind::protocol;
}

// RFC 791 section 3.1. `end`: how far the packet can go.
void read_ipv4(View bytes, Reading& r, bool whole) {
    const std::size_t header = std::size_t{4} * (bytes[r.ip] & 15);
    const unsigned fragment = get16(bytes, r.ip + 6);
    r.has_addresses = true;
    r.protocol = bytes[r.ip + 9];
    r.ip_bytes = get16(bytes, r.ip + 2);
    r.cut_allowed = (fragment & 0x4000) == 0;
    r.l4 = r.ip + header;
    if (bytes[r.ip] >> 4 != 4 || header < 20 || r.ip_bytes < header || (whole && r.ip + r.ip_bytes > bytes.size())) {
        r.kind = Kind::malformed;
        return;
    }
    r.l4_bytes = r.ip_bytes - header;
    r.first_piece = (fragment & 0x3fff) == 0x2000;
    r.kind = (fragment & 0x1fff) != 0 ? Kind::piece : Kind::flow;
}

struct Extension {
    std::size_t size;
    bool is_fragment;
    bool later;
    bool more;
};

// RFC 8200 section 4. None: it is not one that is walked over.
bool is_extension(std::uint8_t next) {
    return next == 0 || next == 43 || next == 44 || next == 60;
}

Kind walk(View bytes, Reading& r) {
    constexpr std::size_t most = 6;
    constexpr std::size_t most_bytes = 511;
    while (is_extension(r.protocol)) {
        if (++r.extensions > most) {
            return Kind::extension;
        }
        if (r.l4 + 8 > bytes.size()) {
            return Kind::malformed;
        }
        const bool fragment = r.protocol == 44;
        const bool again = fragment && r.fragment_id != 0; // pieces of pieces
        if (again || (r.protocol == 43 && bytes[r.l4 + 3] != 0)) {
            return Kind::extension;
        }
        const unsigned offset = fragment ? get16(bytes, r.l4 + 2) : 0;
        if (fragment) {
            r.fragment_id = r.l4 + 4;
        }
        r.protocol = bytes[r.l4];
        r.l4 += fragment ? 8 : (std::size_t{bytes[r.l4 + 1]} + 1) * 8;
        if (r.l4 - r.ip > most_bytes) {
            return Kind::extension;
        }
        if ((offset & 0xfff8) != 0) {
            return Kind::piece;
        }
        r.first_piece = r.first_piece || (offset & 1) != 0;
    }
    return Kind::flow;
}

void read_ipv6(View bytes, Reading& r, bool whole) {
    r.v6 = true;
    if (r.ip + 40 > bytes.size()) {
        r.kind = Kind::malformed;
        return;
    }
    r.has_addresses = true;
    r.protocol = bytes[r.ip + 6];
    r.ip_bytes = 40 + get16(bytes, r.ip + 4);
    r.l4 = r.ip + 40;
    r.kind = bytes[r.ip] >> 4 == 6 ? walk(bytes, r) : Kind::malformed;
    if (r.kind == Kind::malformed || r.kind == Kind::extension) {
        return;
    }
    if (r.ip + r.ip_bytes < r.l4 || (whole && r.ip + r.ip_bytes > bytes.size())) {
        r.kind = Kind::malformed;
        return;
    }
    r.l4_bytes = r.ip + r.ip_bytes - r.l4;
}

unsigned modulo(std::uint16_t folded) {
    return folded == 0xffff ? 0U : folded;
}

} // namespace

const char* name(Kind kind) {
    constexpr std::array<const char*, 8> names = {"other", "arp",      "flow",      "piece",
                                                  "icmp",  "protocol", "extension", "malformed"};
    return names.at(static_cast<std::size_t>(kind));
}

Reading read(View frame, const Mac& own) {
    Reading r;
    if (frame.size() < ethernet + 20) {
        return r;
    }
    const bool to_us = same(frame.first(6), own);
    const unsigned type = get16(frame, 12);
    r.to_group = (frame[0] & 1) != 0;
    r.ip = ethernet;
    if (type == 0x0806 && (to_us || r.to_group)) {
        r.kind = Kind::arp;
    } else if (type == 0x0800 && to_us) {
        read_ipv4(frame, r, true);
    } else if (type == 0x86dd && (to_us || r.to_group)) {
        read_ipv6(frame, r, true);
    }
    if (r.kind == Kind::flow) {
        r.kind = kind_of_l4(frame, r);
    }
    if (!to_us && r.v6 && r.kind != Kind::icmp) { // to a group only neighbour discovery is of interest
        r.kind = Kind::other;
    }
    return r;
}

Reading read_quote(View frame, std::size_t at, std::size_t end, bool v6) {
    Reading r;
    r.ip = at;
    r.kind = Kind::malformed;
    if (at + 20 > std::min(end, frame.size())) {
        return r;
    }
    v6 ? read_ipv6(frame, r, false) : read_ipv4(frame, r, false);
    if (r.kind != Kind::flow || (r.protocol != tcp && r.protocol != udp) || r.l4 + 8 > end) {
        r.kind = Kind::malformed;
        return r;
    }
    r.l4_bytes = end - r.l4;
    return r;
}

unsigned get16(View bytes, std::size_t at) {
    return static_cast<unsigned>(bytes[at] << 8 | bytes[at + 1]);
}

std::uint32_t get32(View bytes, std::size_t at) {
    return get16(bytes, at) << 16 | get16(bytes, at + 2);
}

void set16(Bytes& bytes, std::size_t at, unsigned value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8 & 0xff);
    bytes[at + 1] = static_cast<std::uint8_t>(value & 0xff);
}

bool same(View a, View b) {
    return std::ranges::equal(a, b);
}

unsigned header_excess(View bytes, const Reading& r) {
    return modulo(packet::folded_sum(bytes.subspan(r.ip, r.l4 - r.ip)));
}

unsigned pseudo_header(View bytes, const Reading& r, std::size_t l4_bytes) {
    const auto start = static_cast<std::uint32_t>(r.protocol + l4_bytes);
    return packet::folded_sum(bytes.subspan(r.source(), 2 * r.address_bytes()), start);
}

unsigned l4_excess(View bytes, const Reading& r, std::size_t l4_bytes) {
    const unsigned pseudo = r.protocol == icmp4 ? 0 : pseudo_header(bytes, r, l4_bytes);
    return modulo(packet::folded_sum(bytes.subspan(r.l4, l4_bytes), pseudo));
}

} // namespace proxip::fuzz
