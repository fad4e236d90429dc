#include "bench/flows.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <random>
#include <stdexcept>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <netinet/in.h>

namespace proxip::bench {

namespace {

constexpr std::uint32_t clients = 0x0a400000; // 10.64.0.0/10
constexpr std::uint32_t client_mask = 0xffc00000;
constexpr std::uint32_t ports_a_client = 32768;
constexpr std::uint16_t first_client_port = 1024;
constexpr std::uint32_t proxy_network = 0x0a030000;   // 10.3.0.0/16
constexpr std::uint32_t backend_network = 0x0a020000; // 10.2.0.0/16
constexpr std::uint32_t network_mask = 0xffff0000;
constexpr std::uint32_t host_mask = 0xffffffff;
constexpr std::uint16_t ip_length = frame_bytes - sizeof(ethhdr);
constexpr std::uint16_t udp_length = ip_length - sizeof(iphdr);

Address v4(std::uint32_t host_order) {
    Address out;
    const std::uint32_t wire = htonl(host_order);
    std::memcpy(out.bytes.data(), &wire, sizeof wire);
    return out;
}

std::uint32_t wire(const Address& address) {
    std::uint32_t out = 0;
    std::memcpy(&out, address.bytes.data(), sizeof out);
    return out;
}

iphdr ip_header() {
    constexpr std::uint8_t ttl = 64;
    iphdr out{};
    out.version = 4;
    out.ihl = sizeof(iphdr) / 4;
    out.tot_len = htons(ip_length);
    out.frag_off = htons(0x4000); // don't fragment
    out.ttl = ttl;
    out.protocol = IPPROTO_UDP;
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

bench_flow flow(std::uint32_t source, std::uint16_t source_port, std::uint32_t destination,
                std::uint16_t destination_port) { // wire order
    const iphdr ip = ip_header();
    const std::uint64_t addresses = words(&source, sizeof source) + words(&destination, sizeof destination);
    const std::uint64_t pseudo = addresses + htons(IPPROTO_UDP) + htons(udp_length);
    const std::uint16_t udp = checksum(pseudo + source_port + destination_port + htons(udp_length));
    return {.source = source,
            .destination = destination,
            .source_port = source_port,
            .destination_port = destination_port,
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

std::uint32_t vip_address() {
    return ntohl(wire(*Address::parse(vip)));
}

} // namespace

Address backend(int number) {
    constexpr int first_host = 11;
    return v4(backend_network + static_cast<std::uint32_t>(first_host + number));
}
Address proxy(int number) {
    return v4(proxy_network + static_cast<std::uint32_t>(1 + number));
}

Flows flows_to(const Address& destination, std::uint32_t first, std::uint32_t count) {
    Flows out;
    out.reserve(count);
    for (std::uint32_t n = first; n < first + count; ++n) {
        const auto port = static_cast<std::uint16_t>(first_client_port + n % ports_a_client);
        out.push_back(flow(htonl(clients + n / ports_a_client), htons(port), wire(destination), htons(service_port)));
    }
    return out;
}

Flows replies_of(const dataplane::Dataplane& plane) {
    Flows out;
    plane.each_connection([&](const dataplane::Connection& connection) {
        if (connection.proxy) {
            out.push_back(flow(wire(connection.backend.address), htons(connection.backend.port),
                               wire(connection.proxy->address), htons(connection.proxy->port)));
        }
        return true;
    });
    return out;
}

void shuffle(Flows& flows) {
    std::mt19937 always_the_same(1); // NOLINT(bugprone-random-generator-seed,cert-msc51-cpp)
    std::ranges::shuffle(flows, always_the_same);
}

std::vector<std::uint8_t> header(const dataplane::Mac& destination, const dataplane::Mac& source) {
    std::vector<std::uint8_t> out(BENCH_HEADER_BYTES);
    ethhdr eth{};
    udphdr udp{};
    const iphdr ip = ip_header();
    std::ranges::copy(destination, static_cast<std::uint8_t*>(eth.h_dest));
    std::ranges::copy(source, static_cast<std::uint8_t*>(eth.h_source));
    eth.h_proto = htons(ETH_P_IP);
    udp.len = htons(udp_length);
    std::memcpy(out.data(), &eth, sizeof eth);
    std::memcpy(out.data() + sizeof eth, &ip, sizeof ip);
    std::memcpy(out.data() + sizeof eth + sizeof ip, &udp, sizeof udp);
    return out;
}

bench_expect untranslated(const Address& destination) {
    return expect(clients, client_mask, ntohl(wire(destination)), host_mask);
}
bench_expect translated() {
    return expect(proxy_network, network_mask, backend_network, network_mask);
}
bench_expect reply() {
    return expect(backend_network, network_mask, proxy_network, network_mask);
}
bench_expect reply_translated() {
    return expect(vip_address(), host_mask, clients, client_mask);
}

} // namespace proxip::bench
