#pragma once

// Frames that the agent makes itself: pure.

#include <cstdint>
#include <cstring>
#include <vector>

#include "dataplane/dataplane.hpp"

namespace proxip::dataplane {

using Bytes = std::vector<std::uint8_t>;

template <typename Header>
void append(Bytes& bytes, const Header& header) {
    const std::size_t offset = bytes.size();
    bytes.resize(offset + sizeof header);
    std::memcpy(bytes.data() + offset, &header, sizeof header);
}

struct Ends {
    Protocol protocol = Protocol::tcp;
    SocketAddress from;
    SocketAddress to;
    Mac from_mac{};
    Mac to_mac{};
};

// Ethernet and IP around a TCP or UDP header, IPv4 or IPv6 by the family of the addresses, padded as a driver would.
// Checksums are left out.
[[nodiscard]] Bytes frame_around(const Ends& ends, const Bytes& transport);

// A RST without data, checksums filled in. `sequence` in network byte order.
[[nodiscard]] Bytes reset_frame(const Ends& ends, std::uint32_t sequence_be);

} // namespace proxip::dataplane
