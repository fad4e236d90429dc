#pragma once

// Neighbour discovery for IPv6 over Ethernet (RFC 4861, RFC 2464) as bytes: pure. Addresses here are of Family::v6.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "model/address.hpp"
#include "net/netlink.hpp"

namespace proxip::net::ndp {

inline constexpr std::size_t probe_bytes = 78;        // Ethernet, IPv6, a solicitation without options
inline constexpr std::size_t announcement_bytes = 86; // Ethernet, IPv6, an advertisement with one option
using Probe = std::array<std::uint8_t, probe_bytes>;
using Announcement = std::array<std::uint8_t, announcement_bytes>;

inline constexpr std::uint8_t solicitation = 135;
inline constexpr std::uint8_t advertisement = 136;

struct Packet {
    std::uint8_t type = 0;
    Mac mac{};      // the target's link-layer address option; without one, the Ethernet source
    Address source; // unspecified in a probe (RFC 4862 section 5.4.2)
    Address target;
};

// "Does anybody have it?": from the unspecified address to the target's group, so that no cache learns of it. Without a
// source link-layer option, as that section wants it.
[[nodiscard]] Probe probe(const Mac& own, const Address& address);
// "It is mine": unsolicited, to all nodes, with Override and the target's link-layer address (RFC 4861 section 7.2.6).
[[nodiscard]] Announcement announcement(const Mac& own, const Address& address);

// None: no solicitation or advertisement, or one that a node must discard (RFC 4861 sections 7.1.1 and 7.1.2): hop
// limit, checksum, lengths, addresses.
[[nodiscard]] std::optional<Packet> parse(std::span<const std::uint8_t> frame);

[[nodiscard]] Address all_nodes();                            // ff02::1
[[nodiscard]] Address solicited_node(const Address& address); // RFC 4291 section 2.7.1
[[nodiscard]] Mac multicast_mac(const Address& group);        // RFC 2464 section 7

} // namespace proxip::net::ndp
