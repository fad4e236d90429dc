#include "packet/packet.hpp"

#include <numeric>

#include "packet/bytes.hpp"

namespace proxip::packet {

namespace {

constexpr std::uint8_t protocol_icmp = 1;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t protocol_icmpv6 = 58;
constexpr std::uint8_t protocol_unassigned = 253; // RFC 3692: for experiments

std::uint8_t protocol_of(const Packet& packet) {
    const std::array<std::uint8_t, 4> protocols = {protocol_unassigned, protocol_tcp, protocol_udp,
                                                   packet.ip6 ? protocol_icmpv6 : protocol_icmp};
    const auto given = packet.ip6 ? packet.ip6->next_header : packet.ip->protocol;
    return given.value_or(protocols.at(packet.l4.index()));
}

std::uint16_t pseudo_sum_of(const Packet& packet, std::uint8_t protocol, std::size_t l4_bytes) {
    return packet.ip6 ? pseudo_sum(packet.ip6->source, packet.ip6->destination, protocol, l4_bytes)
                      : pseudo_sum(packet.ip->source, packet.ip->destination, protocol, l4_bytes);
}

Bytes l4_bytes(std::monostate /*none*/, const Packet& packet) {
    return packet.payload;
}

Bytes l4_bytes(const Tcp& tcp, const Packet& packet) {
    Bytes out;
    put16(out, tcp.source);
    put16(out, tcp.destination);
    put32(out, tcp.seq);
    put32(out, tcp.ack);
    put8(out,
         static_cast<unsigned>(tcp.header_words.value_or(static_cast<std::uint8_t>(5 + tcp.options.size() / 4)) << 4));
    put8(out, tcp.flags);
    put16(out, tcp.window);
    put16(out, 0);
    put16(out, 0); // urgent pointer
    append(out, tcp.options);
    append(out, packet.payload);
    const auto sum = pseudo_sum_of(packet, protocol_tcp, out.size());
    set16(out, 16, tcp.checksum.value_or(inverted(folded_sum(out, sum))));
    return out;
}

Bytes l4_bytes(const Udp& udp, const Packet& packet) {
    Bytes out;
    put16(out, udp.source);
    put16(out, udp.destination);
    put16(out, udp.length.value_or(static_cast<std::uint16_t>(8 + packet.payload.size())));
    put16(out, 0);
    append(out, packet.payload);
    const auto sum = pseudo_sum_of(packet, protocol_udp, out.size());
    const auto right = inverted(folded_sum(out, sum));
    set16(out, 6, udp.checksum.value_or(right == 0 ? 0xffff : right)); // RFC 768
    return out;
}

Bytes l4_bytes(const Icmp& icmp, const Packet& packet) {
    Bytes out;
    put8(out, icmp.type);
    put8(out, icmp.code);
    put16(out, 0);
    put16(out, icmp.first);
    put16(out, icmp.second);
    append(out, packet.payload);
    const auto pseudo = packet.ip6 ? pseudo_sum_of(packet, protocol_icmpv6, out.size()) : std::uint16_t{0};
    set16(out, 2, icmp.checksum.value_or(inverted(folded_sum(out, pseudo))));
    return out;
}

Bytes extension_bytes(const Packet& packet) {
    Bytes out;
    for (std::size_t i = 0; i < packet.extensions.size(); ++i) {
        put8(out, i + 1 < packet.extensions.size() ? packet.extensions[i + 1].kind : protocol_of(packet));
        append(out, packet.extensions[i].rest);
    }
    return out;
}

Bytes ipv6_bytes(const Packet& packet, const Bytes& l4) {
    const Ipv6& ip = *packet.ip6;
    const Bytes extensions = extension_bytes(packet);
    Bytes out;
    put32(out, static_cast<std::uint32_t>(ip.version.value_or(6) << 28 | ip.traffic_class << 20) | ip.flow_label);
    put16(out, ip.payload_length.value_or(static_cast<std::uint16_t>(extensions.size() + l4.size())));
    put8(out, packet.extensions.empty() ? protocol_of(packet) : packet.extensions.front().kind);
    put8(out, ip.hop_limit);
    append(out, ip.source);
    append(out, ip.destination);
    append(out, extensions);
    append(out, l4);
    return out;
}

Bytes arp_bytes(const Arp& arp) {
    Bytes out;
    put16(out, 1);
    put16(out, 0x0800);
    put8(out, 6);
    put8(out, 4);
    put16(out, arp.operation);
    append(out, arp.sender_mac);
    append(out, arp.sender);
    append(out, arp.target_mac);
    append(out, arp.target);
    return out;
}

} // namespace

Payload::Payload(std::size_t size) : bytes(size) {
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
}

Bytes Packet::ip_packet() const {
    const Bytes rest = std::visit([this](const auto& header) { return l4_bytes(header, *this); }, l4);
    if (ip6) {
        return ipv6_bytes(*this, rest);
    }
    const std::size_t header = 20 + ip->options.size();
    Bytes out;
    put8(out, static_cast<unsigned>(ip->version.value_or(4) << 4 |
                                    ip->header_words.value_or(static_cast<std::uint8_t>(header / 4))));
    put8(out, ip->tos);
    put16(out, ip->length.value_or(static_cast<std::uint16_t>(header + rest.size())));
    put16(out, ip->id);
    put16(out, (ip->dont_fragment ? 0x4000U : 0U) | (ip->more_fragments ? 0x2000U : 0U) | ip->fragment_offset);
    put8(out, ip->ttl);
    put8(out, protocol_of(*this));
    put16(out, 0);
    append(out, ip->source);
    append(out, ip->destination);
    append(out, ip->options);
    set16(out, 10, inverted(folded_sum(out)));
    append(out, rest);
    return out;
}

Frame Packet::frame() const {
    Frame out;
    append(out.bytes, ethernet.destination);
    append(out.bytes, ethernet.source);
    put16(out.bytes, ethernet.type.value_or(arp ? 0x0806 : ip6 ? 0x86dd : 0x0800));
    append(out.bytes, arp ? arp_bytes(*arp) : ip || ip6 ? ip_packet() : payload);
    out.bytes.resize(out.bytes.size() + padding);
    return out;
}

Packet operator/(const Ethernet& ethernet, const Arp& arp) {
    return {.ethernet = ethernet, .arp = arp};
}
Packet operator/(const Ethernet& ethernet, const Ipv4& ip) {
    return {.ethernet = ethernet, .ip = ip};
}
Packet operator/(const Ethernet& ethernet, const Ipv6& ip) {
    return {.ethernet = ethernet, .ip6 = ip};
}
Packet operator/(Packet packet, const Extension& extension) {
    packet.extensions.push_back(extension);
    return packet;
}
Packet operator/(Packet packet, const Tcp& tcp) {
    packet.l4 = tcp;
    return packet;
}
Packet operator/(Packet packet, const Udp& udp) {
    packet.l4 = udp;
    return packet;
}
Packet operator/(Packet packet, const Icmp& icmp) {
    packet.l4 = icmp;
    return packet;
}
Packet operator/(Packet packet, const Payload& payload) {
    packet.payload = payload.bytes;
    return packet;
}
Packet operator/(Packet packet, Padding padding) {
    packet.padding = padding.size;
    return packet;
}

} // namespace proxip::packet
