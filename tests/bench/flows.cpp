#include "bench/flows.hpp"

#include <algorithm>
#include <cstring>
#include <random>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <netinet/in.h>

namespace proxip::bench {

namespace {

constexpr std::uint32_t clients = 0x0a400000; // 10.64.0.0/10
constexpr std::uint32_t client_mask = 0xffc00000;
constexpr std::uint32_t ports_a_client = 32768;
constexpr std::uint16_t first_client_port = 1024;
constexpr std::uint32_t vip_network = 0x0a090000;     // 10.9.0.0/16
constexpr std::uint32_t proxy_network = 0x0a030000;   // 10.3.0.0/16
constexpr std::uint32_t backend_network = 0x0a020000; // 10.2.0.0/16
constexpr std::uint32_t network_mask = 0xffff0000;
constexpr std::uint32_t host_mask = 0xffffffff;

std::uint32_t wire(const Address& address) {
    std::uint32_t out = 0;
    const std::size_t last = address.family == Family::v4 ? 0 : address.bytes.size() - sizeof out;
    std::memcpy(&out, address.bytes.data() + last, sizeof out);
    return out;
}

std::size_t ip_bytes(Family family) {
    return family == Family::v4 ? sizeof(iphdr) : sizeof(ipv6hdr);
}

std::uint16_t udp_length(Family family) {
    return static_cast<std::uint16_t>(frame_bytes(family) - sizeof(ethhdr) - ip_bytes(family));
}

constexpr std::uint8_t ttl = 64;

iphdr ip_header() {
    iphdr out{};
    out.version = 4;
    out.ihl = sizeof(iphdr) / 4;
    out.tot_len = htons(static_cast<std::uint16_t>(frame_bytes(Family::v4) - sizeof(ethhdr)));
    out.frag_off = htons(0x4000); // don't fragment
    out.ttl = ttl;
    out.protocol = IPPROTO_UDP;
    return out;
}

ipv6hdr ip6_header() {
    ipv6hdr out{};
    out.version = 6;
    out.payload_len = htons(udp_length(Family::v6));
    out.nexthdr = IPPROTO_UDP;
    out.hop_limit = ttl;
    const Address network = address_of(Family::v6, 0);
    std::memcpy(&out.saddr, network.bytes.data(), sizeof out.saddr);
    std::memcpy(&out.daddr, network.bytes.data(), sizeof out.daddr);
    return out;
}

std::uint16_t checksum(std::uint64_t sum) { // RFC 1071
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

std::uint64_t words(const void* bytes, std::size_t size) { // an even number of bytes
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < size; at += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, static_cast<const std::uint8_t*>(bytes) + at, sizeof word);
        sum += word;
    }
    return sum;
}

std::uint64_t words(const Address& address) {
    return words(address.bytes.data(), address.family == Family::v4 ? sizeof(std::uint32_t) : address.bytes.size());
}

bench_flow flow(const Address& source, std::uint16_t source_port, const Address& destination,
                std::uint16_t destination_port) { // ports in host order
    const iphdr ip = ip_header();
    const std::uint64_t addresses = words(source) + words(destination);
    const std::uint16_t length = htons(udp_length(source.family));
    const std::uint64_t pseudo = addresses + htons(IPPROTO_UDP) + length;
    const std::uint16_t udp = checksum(pseudo + htons(source_port) + htons(destination_port) + length);
    return {.source = wire(source),
            .destination = wire(destination),
            .source_port = htons(source_port),
            .destination_port = htons(destination_port),
            .ip_check = checksum(words(&ip, sizeof ip) + addresses),
            .udp_check = udp == 0 ? std::uint16_t{0xffff} : udp};
}

bench_expect expect(std::uint32_t source, std::uint32_t source_mask, std::uint32_t destination,
                    std::uint32_t destination_mask) { // host order
    return {.source = htonl(source),
            .source_mask = htonl(source_mask),
            .destination = htonl(destination),
            .destination_mask = htonl(destination_mask)};
}

template <typename T>
void append(std::vector<std::uint8_t>& out, const T& header) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
    out.insert(out.end(), bytes, bytes + sizeof header);
}

} // namespace

Address address_of(Family family, std::uint32_t host_order) {
    Address out;
    out.family = family;
    if (family == Family::v6) {
        out.bytes[0] = 0xfd;
    }
    const std::uint32_t wire_order = htonl(host_order);
    const std::size_t last = family == Family::v4 ? 0 : out.bytes.size() - sizeof wire_order;
    std::memcpy(out.bytes.data() + last, &wire_order, sizeof wire_order);
    return out;
}
Address vip(Family family, std::uint32_t number) {
    constexpr std::uint32_t first_host = 80;
    return address_of(family, vip_network + first_host + number);
}
Address stranger() {
    return address_of(Family::v4, 0x0a080001);
}
Address backend(Family family, std::uint32_t number) {
    constexpr std::uint32_t first_host = 11;
    return address_of(family, backend_network + first_host + number);
}
Address proxy(Family family, std::uint32_t number) {
    return address_of(family, proxy_network + 1 + number);
}
std::size_t frame_bytes(Family family) {
    constexpr std::size_t least = 60; // 64 with the FCS, which no veth has
    return family == Family::v4 ? least : std::size_t{BENCH_HEADER6_BYTES};
}

Flows flows_to(std::span<const Address> destinations, std::uint32_t count) {
    Flows out;
    out.reserve(count);
    for (std::uint32_t n = 0; n < count; ++n) {
        const Address& to = destinations[n % destinations.size()];
        const auto port = static_cast<std::uint16_t>(first_client_port + n % ports_a_client);
        out.push_back(flow(address_of(to.family, clients + n / ports_a_client), port, to, service_port));
    }
    return out;
}

Flows replies_of(const dataplane::Dataplane& plane) {
    Flows out;
    plane.each_connection([&](const dataplane::Connection& connection) {
        if (connection.proxy) {
            out.push_back(flow(connection.backend.address, connection.backend.port, connection.proxy->address,
                               connection.proxy->port));
        }
        return true;
    });
    return out;
}

void shuffle(Flows& flows) {
    std::mt19937 always_the_same(1); // NOLINT(bugprone-random-generator-seed,cert-msc51-cpp)
    std::ranges::shuffle(flows, always_the_same);
}

std::vector<std::uint8_t> header(Family family, const dataplane::Mac& destination, const dataplane::Mac& source) {
    std::vector<std::uint8_t> out;
    ethhdr eth{};
    udphdr udp{};
    std::ranges::copy(destination, static_cast<std::uint8_t*>(eth.h_dest));
    std::ranges::copy(source, static_cast<std::uint8_t*>(eth.h_source));
    eth.h_proto = htons(family == Family::v4 ? ETH_P_IP : ETH_P_IPV6);
    udp.len = htons(udp_length(family));
    append(out, eth);
    if (family == Family::v4) {
        append(out, ip_header());
    } else {
        append(out, ip6_header());
    }
    append(out, udp);
    return out;
}

bench_expect untranslated_to_vip() {
    return expect(clients, client_mask, vip_network, network_mask);
}
bench_expect untranslated_to_stranger() {
    return expect(clients, client_mask, ntohl(wire(stranger())), host_mask);
}
bench_expect translated() {
    return expect(proxy_network, network_mask, backend_network, network_mask);
}
bench_expect reply() {
    return expect(backend_network, network_mask, proxy_network, network_mask);
}
bench_expect reply_translated() {
    return expect(vip_network, network_mask, clients, client_mask);
}

} // namespace proxip::bench
