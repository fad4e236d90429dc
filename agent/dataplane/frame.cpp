#include "dataplane/frame.hpp"

#include <algorithm>
#include <span>

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "policy/abi.hpp"

namespace proxip::dataplane {

namespace {

constexpr std::uint8_t hops = 64;

void copy_addresses(const Ends& ends, void* source, void* destination) {
    const std::size_t bytes = ends.from.address.family == Family::v4 ? 4 : 16;
    std::memcpy(source, ends.from.address.bytes.data(), bytes);
    std::memcpy(destination, ends.to.address.bytes.data(), bytes);
}

iphdr ipv4_header(const Ends& ends, std::size_t payload_bytes) {
    iphdr header{};
    header.version = 4;
    header.ihl = 5;
    header.ttl = hops;
    header.protocol = policy::to_abi(ends.protocol);
    header.tot_len = policy::swap_port(static_cast<std::uint16_t>(sizeof header + payload_bytes));
    copy_addresses(ends, &header.saddr, &header.daddr);
    return header;
}

ipv6hdr ipv6_header(const Ends& ends, std::size_t payload_bytes) {
    ipv6hdr header{};
    header.version = 6;
    header.hop_limit = hops;
    header.nexthdr = policy::to_abi(ends.protocol);
    header.payload_len = policy::swap_port(static_cast<std::uint16_t>(payload_bytes));
    copy_addresses(ends, &header.saddr, &header.daddr);
    return header;
}

// RFC 1071 over an even number of bytes, in the order in which they stand.
std::uint32_t sum_of(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, bytes.data() + i, sizeof word);
        sum += word;
    }
    return sum;
}

std::uint16_t folded(std::uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

} // namespace

Bytes frame_around(const Ends& ends, const Bytes& transport) {
    const bool v4 = ends.to.address.family == Family::v4;
    ethhdr eth{};
    std::ranges::copy(ends.to_mac, eth.h_dest);
    std::ranges::copy(ends.from_mac, eth.h_source);
    eth.h_proto = policy::swap_port(v4 ? ETH_P_IP : ETH_P_IPV6);
    Bytes frame;
    append(frame, eth);
    if (v4) {
        append(frame, ipv4_header(ends, transport.size()));
    } else {
        append(frame, ipv6_header(ends, transport.size()));
    }
    frame.insert(frame.end(), transport.begin(), transport.end());
    frame.resize(std::max<std::size_t>(frame.size(), ETH_ZLEN));
    return frame;
}

Bytes reset_frame(const Ends& ends, std::uint32_t sequence_be) {
    tcphdr header{};
    header.source = policy::swap_port(ends.from.port);
    header.dest = policy::swap_port(ends.to.port);
    header.seq = sequence_be;
    header.doff = sizeof header / 4;
    header.rst = 1;
    Bytes transport;
    append(transport, header);

    const bool v4 = ends.to.address.family == Family::v4;
    const std::size_t address_bytes = v4 ? 4 : 16;
    const std::uint32_t pseudo = sum_of(std::span(ends.from.address.bytes).first(address_bytes)) +
                                 sum_of(std::span(ends.to.address.bytes).first(address_bytes)) +
                                 policy::swap_port(policy::to_abi(ends.protocol)) + policy::swap_port(sizeof header);
    header.check = folded(pseudo + sum_of(transport));
    transport.clear();
    append(transport, header);

    Bytes frame = frame_around(ends, transport);
    if (v4) {
        const auto ip = std::span(frame).subspan(sizeof(ethhdr), sizeof(iphdr));
        const std::uint16_t check = folded(sum_of(ip));
        std::memcpy(ip.data() + offsetof(iphdr, check), &check, sizeof check);
    }
    return frame;
}

} // namespace proxip::dataplane
