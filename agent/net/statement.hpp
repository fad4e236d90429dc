#pragma once

// Who has an address, as neighbours say it on the wire: in ARP for IPv4, in neighbour discovery for IPv6. Pure.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/address.hpp"
#include "net/netlink.hpp"

namespace proxip::net {

using Frame = std::vector<std::uint8_t>; // from the Ethernet header on

struct Statement {
    Address address;
    Mac mac{};          // of who has it, or would like to
    bool probe = false; // "does anybody have it?", asked in order to take it
};

[[nodiscard]] Frame probe(const Mac& own, const Address& address);
[[nodiscard]] Frame announcement(const Mac& own, const Address& address);

// None: it says nothing of the kind, as a question for somebody else's address.
[[nodiscard]] std::optional<Statement> read_statement(Family family, std::span<const std::uint8_t> frame);

} // namespace proxip::net
