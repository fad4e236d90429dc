#pragma once

// ARP for IPv4 over Ethernet (RFC 826) as bytes: pure.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "model/address.hpp"
#include "net/netlink.hpp"

namespace proxip::net::arp {

inline constexpr std::size_t frame_bytes = 42; // Ethernet header and ARP; the driver pads
using Frame = std::array<std::uint8_t, frame_bytes>;
using Ipv4 = std::array<std::uint8_t, 4>; // network order

inline constexpr std::uint16_t request = 1;
inline constexpr std::uint16_t reply = 2;

struct Packet {
    std::uint16_t operation = 0;
    Mac sender_mac{};
    Ipv4 sender{};
    Ipv4 target{};
};

// "Does anybody have it?": sender address 0, so that no cache learns of it (RFC 5227 section 1.1).
[[nodiscard]] Frame probe(const Mac& own, const Ipv4& address);
// "It is mine": a request with the address as sender and as target (section 2.3).
[[nodiscard]] Frame announcement(const Mac& own, const Ipv4& address);

// None: not ARP for IPv4 over Ethernet, or too short.
[[nodiscard]] std::optional<Packet> parse(std::span<const std::uint8_t> frame);

// The address that this packet claims or asks for in order to take it: the sender's, or a probe's target.
[[nodiscard]] Ipv4 claimed(const Packet& packet);

[[nodiscard]] Ipv4 to_ipv4(const Address& address); // of Family::v4

} // namespace proxip::net::arp
