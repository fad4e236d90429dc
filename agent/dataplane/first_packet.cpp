#include "dataplane/first_packet.hpp"

#include <algorithm>
#include <cstring>

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "policy/abi.hpp"

namespace proxip::dataplane {

namespace {

constexpr std::uint16_t window = 64240;
constexpr std::uint8_t hops = 64;

using Bytes = std::vector<std::uint8_t>;

template <typename Header>
void append(Bytes& bytes, const Header& header) {
    const std::size_t offset = bytes.size();
    bytes.resize(offset + sizeof header);
    std::memcpy(bytes.data() + offset, &header, sizeof header);
}

Bytes transport(const Question& question) {
    Bytes out;
    if (question.protocol == Protocol::tcp) {
        tcphdr header{};
        header.source = policy::swap_port(question.from.port);
        header.dest = policy::swap_port(question.to.port);
        header.doff = sizeof header / 4;
        header.syn = 1;
        header.window = policy::swap_port(window);
        append(out, header);
    } else {
        udphdr header{};
        header.source = policy::swap_port(question.from.port);
        header.dest = policy::swap_port(question.to.port);
        header.len = policy::swap_port(sizeof header);
        append(out, header);
    }
    return out;
}

iphdr ipv4_header(const Question& question, std::size_t payload_bytes) {
    iphdr header{};
    header.version = 4;
    header.ihl = 5;
    header.ttl = hops;
    header.protocol = policy::to_abi(question.protocol);
    header.tot_len = policy::swap_port(static_cast<std::uint16_t>(sizeof header + payload_bytes));
    std::memcpy(&header.saddr, question.from.address.bytes.data(), sizeof header.saddr);
    std::memcpy(&header.daddr, question.to.address.bytes.data(), sizeof header.daddr);
    return header;
}

ipv6hdr ipv6_header(const Question& question, std::size_t payload_bytes) {
    ipv6hdr header{};
    header.version = 6;
    header.hop_limit = hops;
    header.nexthdr = policy::to_abi(question.protocol);
    header.payload_len = policy::swap_port(static_cast<std::uint16_t>(payload_bytes));
    std::memcpy(&header.saddr, question.from.address.bytes.data(), sizeof header.saddr);
    std::memcpy(&header.daddr, question.to.address.bytes.data(), sizeof header.daddr);
    return header;
}

} // namespace

std::vector<std::uint8_t> first_packet(const Question& question, const Mac& destination_mac) {
    const bool v4 = question.to.address.family == Family::v4;
    const Bytes payload = transport(question);
    ethhdr eth{};
    std::ranges::copy(destination_mac, eth.h_dest);
    eth.h_source[0] = 2;
    eth.h_proto = policy::swap_port(v4 ? ETH_P_IP : ETH_P_IPV6);
    Bytes frame;
    append(frame, eth);
    if (v4) {
        append(frame, ipv4_header(question, payload.size()));
    } else {
        append(frame, ipv6_header(question, payload.size()));
    }
    frame.insert(frame.end(), payload.begin(), payload.end());
    frame.resize(std::max<std::size_t>(frame.size(), ETH_ZLEN));
    return frame;
}

} // namespace proxip::dataplane
