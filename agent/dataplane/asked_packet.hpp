#pragma once

// The packet that explain asks about, as a frame: pure.

#include <cstdint>
#include <vector>

#include "dataplane/dataplane.hpp"

namespace proxip::dataplane {

// A TCP segment without data, with the question's flags, or an empty datagram; IPv4 or IPv6 by the family of the
// addresses, from the Ethernet header on and padded as a driver would. Checksums are left out: a decision does not read
// them.
[[nodiscard]] std::vector<std::uint8_t> asked_packet(const Question& question, const Mac& destination_mac);

} // namespace proxip::dataplane
