#include "dataplane/frame.hpp"

#include <algorithm>
#include <span>

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "policy/abi.hpp"
#include "policy/checksum.hpp"

namespace proxip::dataplane {

namespace {

constexpr std::uint8_t hops = 64;

std::span<const std::uint8_t> on_the_wire(const Address& address) {
    return std::span(address.bytes).first(address.family == Family::v4 ? 4 : 16);
}

void copy_addresses(const Ends& ends, void* source, void* destination) {
    const auto from = on_the_wire(ends.from.address);
    const auto to = on_the_wire(ends.to.address);
    std::memcpy(source, from.data(), from.size());
    std::memcpy(destination, to.data(), to.size());
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

std::uint16_t complement(std::uint32_t sum) {
    return static_cast<std::uint16_t>(~policy::folded(sum));
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
    const std::uint32_t pseudo = policy::internet_sum(on_the_wire(ends.from.address)) +
                                 policy::internet_sum(on_the_wire(ends.to.address)) +
                                 policy::swap_port(policy::to_abi(ends.protocol)) + policy::swap_port(sizeof header);
    Bytes transport;
    append(transport, header);
    const std::uint16_t tcp_check = complement(pseudo + policy::internet_sum(transport));
    std::memcpy(transport.data() + offsetof(tcphdr, check), &tcp_check, sizeof tcp_check);

    Bytes frame = frame_around(ends, transport);
    if (ends.to.address.family == Family::v4) {
        const auto ip = std::span(frame).subspan(sizeof(ethhdr), sizeof(iphdr));
        const std::uint16_t check = complement(policy::internet_sum(ip));
        std::memcpy(ip.data() + offsetof(iphdr, check), &check, sizeof check);
    }
    return frame;
}

} // namespace proxip::dataplane
