#pragma once

// Tests of both families in one text: `Header` is Ipv4 or Ipv6.

#include <type_traits>

#include "packet/rig.hpp"

namespace proxip::packet {

template <typename Header>
inline constexpr bool is_ipv6 = std::is_same_v<Header, Ipv6>;

template <typename Header>
Config config_of() {
    return is_ipv6<Header> ? ipv6_config() : basic_config();
}

inline Ipv4 one_hop_less(Ipv4 ip) {
    ip.ttl--;
    return ip;
}
inline Ipv6 one_hop_less(Ipv6 ip) {
    ip.hop_limit--;
    return ip;
}

// RFC 792, RFC 1191; RFC 4443.
template <typename Header>
Icmp port_unreachable() {
    return is_ipv6<Header> ? Icmp{.type = 1, .code = 4} : Icmp{.type = 3, .code = 3};
}
template <typename Header>
Icmp too_big(std::uint16_t mtu) {
    return is_ipv6<Header> ? Icmp{.type = 2, .code = 0, .second = mtu} : Icmp{.type = 3, .code = 4, .second = mtu};
}
template <typename Header>
Icmp hops_ended() {
    return is_ipv6<Header> ? Icmp{.type = 3, .code = 0} : Icmp{.type = 11, .code = 0};
}

template <typename Header>
struct TcpOpen
    : Rig { // a TCP connection, and its two packets of one kind: as sent by one side, and as the other got it
    explicit TcpOpen(const Config& config = config_of<Header>())
        : Rig(config), port(open(Ethernet{} / Header{} / Tcp{.flags = Syn})) {}

    [[nodiscard]] Packet client_sent(std::size_t size = 30) const {
        return Ethernet{} / one_hop_less(Header{}) / Tcp{} / Payload{size};
    }
    [[nodiscard]] Packet backend_got(std::size_t size = 30) const {
        return Ethernet{} / translated(Header{}) / Tcp{.source = port, .destination = backend_port} / Payload{size};
    }
    [[nodiscard]] Packet backend_sent(std::size_t size = 30) const {
        return Ethernet{} / one_hop_less(reply_ip(Header{})) / Tcp{.source = backend_port, .destination = port} /
               Payload{size};
    }
    [[nodiscard]] Packet client_got(std::size_t size = 30) const {
        return Ethernet{} / reply_translated(Header{}) / Tcp{.source = web_port, .destination = client_port} /
               Payload{size};
    }

    // NOLINTNEXTLINE(cppcoreguidelines-non-private-member-variables-in-classes)
    const std::uint16_t port;
};

// A router between the load balancer and the client, or the backend.
template <typename Header>
auto router() {
    if constexpr (is_ipv6<Header>) {
        return stranger6;
    } else {
        return stranger;
    }
}

// The ID of an IPv4 packet, or of an IPv6 fragment behind no other extension header.
inline std::uint32_t id_of(const Frame& frame) {
    const Bytes& bytes = frame.bytes;
    if (bytes.at(12) == 0x86) {
        return std::uint32_t{bytes.at(58)} << 24 | std::uint32_t{bytes.at(59)} << 16 |
               std::uint32_t{bytes.at(60)} << 8 | bytes.at(61);
    }
    return std::uint32_t{bytes.at(18)} << 8 | bytes.at(19);
}

} // namespace proxip::packet
