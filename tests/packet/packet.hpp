#pragma once

// Packets that read like packets:
//
//     Ethernet{} / Ipv4{.ttl = 1} / Tcp{.flags = Syn} / Payload{"hello"}
//     Ethernet{} / Ipv6{} / hop_by_hop() / Udp{}
//     Ethernet{} / Ipv4{} / Icmp{.type = 3, .code = 3} / quote(packet)
//
// Defaults are a client's packet to the VIP, with the addresses that documents use (RFC 5737, RFC 3849, RFC 7042).
// Lengths and checksums are filled in, unless they are given.

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "packet/frame.hpp"

namespace proxip::packet {

constexpr Mac documentation_mac(std::uint8_t last) {
    return {0x00, 0x00, 0x5e, 0x00, 0x53, last};
}

inline constexpr Mac client_mac = documentation_mac(0x07);
inline constexpr Mac front_mac = documentation_mac(0xf0); // the load balancer's, towards the clients
inline constexpr Mac back_mac = documentation_mac(0xf1);  // and towards the backends
inline constexpr Mac backend_mac = documentation_mac(0x11);
inline constexpr Mac stranger_mac = documentation_mac(0xee);
inline constexpr Mac broadcast_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

inline constexpr Ip client = {198, 51, 100, 7};
inline constexpr Ip vip = {192, 0, 2, 80};
inline constexpr Ip proxy = {192, 0, 2, 254};
inline constexpr Ip backend = {203, 0, 113, 11};
inline constexpr Ip backend2 = {203, 0, 113, 12};
inline constexpr Ip stranger = {198, 51, 100, 99};

// 2001:db8::/32 (RFC 3849), with that subnet and that host.
constexpr Ip6 documentation_ip6(std::uint8_t subnet, std::uint8_t host) {
    return {0x20, 0x01, 0x0d, 0xb8, 0, subnet, 0, 0, 0, 0, 0, 0, 0, 0, 0, host};
}

inline constexpr Ip6 client6 = documentation_ip6(1, 0x07);
inline constexpr Ip6 vip6 = documentation_ip6(0, 0x80);
inline constexpr Ip6 proxy6 = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};
inline constexpr Ip6 backend6 = documentation_ip6(2, 0x11);
inline constexpr Ip6 stranger6 = documentation_ip6(1, 0x99);

inline constexpr std::uint16_t client_port = 40000;
inline constexpr std::uint16_t web_port = 80;       // of the VIP
inline constexpr std::uint16_t backend_port = 8080; // of the backends; another one, so that a port left alone is seen
inline constexpr std::uint16_t dns_port = 53;
inline constexpr std::uint16_t backend_dns_port = 5353;

enum TcpFlags : std::uint8_t { Fin = 1, Syn = 2, Rst = 4, Psh = 8, Ack = 16 };

struct Ethernet {
    Mac destination = front_mac;
    Mac source = client_mac;
    std::optional<std::uint16_t> type{}; // none: of what follows
};

struct Arp { // RFC 826
    std::uint16_t operation = 1;
    Mac sender_mac = client_mac;
    Ip sender = client;
    Mac target_mac{};
    Ip target = vip;
};

struct Ipv4 {
    Ip source = client;
    Ip destination = vip;
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0;
    std::uint16_t id = 0x1234;
    bool dont_fragment = true;
    bool more_fragments = false;
    std::uint16_t fragment_offset = 0; // in units of 8 bytes
    Bytes options{};                   // a multiple of 4
    std::optional<std::uint8_t> version{};
    std::optional<std::uint8_t> header_words{};
    std::optional<std::uint8_t> protocol{};
    std::optional<std::uint16_t> length{};
};

struct Ipv6 {
    Ip6 source = client6;
    Ip6 destination = vip6;
    std::uint8_t hop_limit = 64;
    std::uint8_t traffic_class = 0;
    std::uint32_t flow_label = 0x54321;
    std::optional<std::uint8_t> version{};
    std::optional<std::uint8_t> next_header{}; // of the last header before L4
    std::optional<std::uint16_t> payload_length{};
};

struct Extension {         // RFC 8200 section 4
    std::uint8_t kind = 0; // what the header before it calls it
    Bytes rest{};          // behind its own next-header field
};
[[nodiscard]] Extension hop_by_hop(std::size_t bytes = 8);
[[nodiscard]] Extension destination_options(std::size_t bytes = 8);
[[nodiscard]] Extension routing(std::uint8_t segments_left, std::size_t bytes = 24);
[[nodiscard]] Extension fragment_header(std::uint32_t id, std::uint16_t offset = 0, bool more = false); // units of 8

struct Tcp {
    std::uint16_t source = client_port;
    std::uint16_t destination = web_port;
    std::uint32_t seq = 1000;
    std::uint32_t ack = 0;
    std::uint8_t flags = Ack;
    std::uint16_t window = 0xffff;
    Bytes options{}; // a multiple of 4
    std::optional<std::uint8_t> header_words{};
    std::optional<std::uint16_t> checksum{};
};

struct Udp {
    std::uint16_t source = client_port;
    std::uint16_t destination = dns_port;
    std::optional<std::uint16_t> length{};
    std::optional<std::uint16_t> checksum{};
};

struct Icmp { // in an Ipv6: ICMPv6
    std::uint8_t type = 8;
    std::uint8_t code = 0;
    std::uint16_t first = 0;  // echo: identifier
    std::uint16_t second = 0; // echo: sequence number; fragmentation needed, too big: MTU
    std::optional<std::uint16_t> checksum{};
};

struct Solicitation { // RFC 4861 section 4.3
    Ip6 target = vip6;
    std::optional<Mac> source_mac = client_mac;
    std::uint8_t code = 0;
    std::optional<std::uint16_t> checksum{};
};

struct Advertisement { // RFC 4861 section 4.4
    Ip6 target = vip6;
    Mac target_mac = front_mac;
    bool solicited = true;
    bool overrides = true;
};

struct Payload {
    Bytes bytes{};

    Payload() = default;
    explicit Payload(std::size_t size); // counting bytes
    explicit Payload(Bytes content) : bytes(std::move(content)) {}
    explicit Payload(std::string_view content) : bytes(content.begin(), content.end()) {}
};

struct Padding { // behind the IP packet
    std::size_t size = 0;
};

struct Packet {
    Ethernet ethernet;
    std::optional<Arp> arp{};
    std::optional<Ipv4> ip{};
    std::optional<Ipv6> ip6{};
    std::vector<Extension> extensions{};
    std::variant<std::monostate, Tcp, Udp, Icmp> l4{};
    Bytes payload{};
    std::size_t padding = 0;

    [[nodiscard]] Bytes ip_packet() const;
    [[nodiscard]] Frame frame() const;
    operator Frame() const { return frame(); } // NOLINT(google-explicit-constructor): so that it reads like a packet
};

[[nodiscard]] Packet operator/(const Ethernet& ethernet, const Arp& arp);
[[nodiscard]] Packet operator/(const Ethernet& ethernet, const Ipv4& ip);
[[nodiscard]] Packet operator/(const Ethernet& ethernet, const Ipv6& ip);
[[nodiscard]] Packet operator/(Packet packet, const Extension& extension);
[[nodiscard]] Packet operator/(Packet packet, const Tcp& tcp);
[[nodiscard]] Packet operator/(Packet packet, const Udp& udp);
[[nodiscard]] Packet operator/(Packet packet, const Icmp& icmp);
[[nodiscard]] Packet operator/(Packet packet, const Solicitation& asked);
[[nodiscard]] Packet operator/(Packet packet, const Advertisement& told);
[[nodiscard]] Packet operator/(Packet packet, const Payload& payload);
[[nodiscard]] Packet operator/(Packet packet, Padding padding);

// What an ICMP error says about a packet: as much of it as fits.
[[nodiscard]] Payload quote(const Packet& packet, std::size_t most = 0xffff);

// The same datagram in pieces, each a frame: L4 cut at these offsets, multiples of 8. IPv6's get a fragment header in
// front of what the packet has behind its fixed header.
[[nodiscard]] std::vector<Frame> cut(const Packet& datagram, std::uint32_t id, const std::vector<std::size_t>& at);

} // namespace proxip::packet
