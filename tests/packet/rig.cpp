#include "packet/rig.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/kernel.hpp"

namespace proxip::packet {

namespace {

template <typename T>
T needed(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().text());
    }
    return std::move(*result);
}
void needed(const Result<void>& result) {
    if (!result) {
        throw std::runtime_error(result.error().text());
    }
}

Service service(const char* name, const char* address_text, std::vector<proxip::Backend> backends) {
    Service out;
    out.name = name;
    out.address = needed(ServiceAddress::parse(address_text));
    out.backends = std::move(backends);
    return out;
}

// Of what was forwarded, without extension headers; an answer comes from the VIP.
std::uint16_t source_port(const Outcome& outcome) {
    const Bytes& bytes = outcome.frame.bytes;
    const bool v6 = bytes.at(12) == 0x86;
    const auto ip_source = bytes.begin() + 14 + (v6 ? 8 : 12);
    const std::size_t l4 = 14U + (v6 ? 40U : 20U);
    const bool from_vip =
        v6 ? std::equal(vip6.begin(), vip6.end(), ip_source) : std::equal(vip.begin(), vip.end(), ip_source);
    const bool forwarded = outcome.verdict == Verdict::redirect && !from_vip;
    return forwarded ? static_cast<std::uint16_t>(bytes.at(l4) << 8 | bytes.at(l4 + 1)) : std::uint16_t{0};
}

} // namespace

Address address(Ip ip) {
    Address out;
    std::copy(ip.begin(), ip.end(), out.bytes.begin());
    return out;
}

Address address(const Ip6& ip) {
    return {.family = Family::v6, .bytes = ip};
}

proxip::Backend backend_at(Ip ip, std::uint16_t port) {
    return {.address = {.address = address(ip), .port = port}, .weight = 1, .backup = false, .enabled = {}};
}

Config basic_config() {
    Config out;
    out.pools.push_back({.name = "default",
                         .addresses = {{.first = address(proxy), .last = address(proxy)}},
                         .ports = {1024, 65535},
                         .exclude_ports = {}});
    out.services.push_back(service("web", "tcp://192.0.2.80:80", {backend_at(backend, backend_port)}));
    out.services.push_back(service("dns", "udp://192.0.2.80:53", {backend_at(backend, backend_dns_port)}));
    return out;
}

Config ipv6_config() {
    const auto at = [](std::uint16_t port) {
        return proxip::Backend{
            .address = {.address = address(backend6), .port = port}, .weight = 1, .backup = false, .enabled = {}};
    };
    Config out;
    out.pools.push_back({.name = "default",
                         .addresses = {{.first = address(proxy6), .last = address(proxy6)}},
                         .ports = {1024, 65535},
                         .exclude_ports = {}});
    out.services.push_back(service("web", "tcp://[2001:db8::80]:80", {at(backend_port)}));
    out.services.push_back(service("dns", "udp://[2001:db8::80]:53", {at(backend_dns_port)}));
    return out;
}

Rig::Rig(const Config& config)
    : front(make_interface("front", front_mac)), back(make_interface("back", back_mac)), plane_(clean_plane()),
      fast_(program("proxip_xdp")) {
    constexpr std::uint32_t ethernet_mtu = 1500;
    add_link(front, front_mac, ethernet_mtu);
    add_link(back, back_mac, ethernet_mtu);
    install(config);
    local(vip, {.vip = true, .answer = true});
    local(proxy, {.proxy = true, .answer = true});
    local(vip6, {.vip = true, .answer = true});
    local(proxy6, {.proxy = true, .answer = true});
}

void Rig::add_link(std::uint32_t ifindex, const Mac& mac, std::uint32_t mtu) {
    needed(plane_.kernel->set_link(
        {.index = ifindex, .mac = mac, .mtu = mtu, .ethernet = true, .partial_checksums = false}));
    flags(ifindex, abi::ABI_IFACE_ATTACHED | abi::ABI_IFACE_REDIRECT_IN | abi::ABI_IFACE_REDIRECT_OUT, 0);
}

void Rig::install(const Config& config, const policy::Available& available, const policy::Down& down) {
    constexpr std::uint32_t seed = 1;
    image_ = needed(policy::compile(config, available, plane_.ids, seed, down));
    needed(plane_.kernel->install(image_, plane_.kernel->generation() + 1));
    for (const auto& [id, endpoint] : image_.endpoints) {
        plane_.kernel->set_path(id, path());
    }
}

std::uint16_t Rig::open(const Frame& first) const {
    return source_port(from_client(first));
}
std::uint16_t Rig::open(std::uint16_t from_port, Ip from) const {
    return open(Ethernet{} / Ipv4{.source = from} / Tcp{.source = from_port, .flags = Syn});
}
std::uint16_t Rig::open_udp(std::uint16_t from_port, Ip from) const {
    return open(Ethernet{} / Ipv4{.source = from} / Udp{.source = from_port} / Payload{"?"});
}
std::uint16_t Rig::establish(std::uint16_t from_port) const {
    const auto port = open(from_port);
    reply(port, Syn | Ack);
    say(from_port, Ack);
    return port;
}
Verdict Rig::say(std::uint16_t from_port, std::uint8_t flags) const {
    return from_client(Ethernet{} / Ipv4{} / Tcp{.source = from_port, .flags = flags}).verdict;
}
Verdict Rig::reply(std::uint16_t proxy_port, std::uint8_t flags, Ip from) const {
    return from_backend(packet::from_backend() / reply_ip({.source = from}) /
                        Tcp{.source = backend_port, .destination = proxy_port, .flags = flags})
        .verdict;
}

std::uint64_t Rig::count(abi::abi_reason reason) const {
    std::vector<std::uint64_t> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    const std::uint32_t key = reason;
    if (bpf_map_lookup_elem(map("counters"), &key, values.data()) != 0) {
        throw std::runtime_error("cannot read a counter");
    }
    return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

#define PROXIP_DROP(id, symbol, name, help) abi::ABI_##symbol,
#define PROXIP_NOT_A_DROP(id, symbol, name, help)
std::uint64_t Rig::all_drops() const {
    std::uint64_t sum = 0;
    for (const abi::abi_reason reason : {ABI_REASONS(PROXIP_DROP, PROXIP_NOT_A_DROP)}) {
        sum += count(reason);
    }
    return sum;
}
#undef PROXIP_DROP
#undef PROXIP_NOT_A_DROP

std::vector<dataplane::Connection> Rig::connections() const {
    std::vector<dataplane::Connection> out;
    plane_.kernel->each_connection([&](const dataplane::Connection& connection) {
        out.push_back(connection);
        return true;
    });
    return out;
}

std::optional<dataplane::Connection> Rig::connection_of(std::uint16_t from_port, Ip from) const {
    return connection_of({.address = address(from), .port = from_port});
}

std::optional<dataplane::Connection> Rig::connection_of(const SocketAddress& from) const {
    for (const auto& connection : connections()) {
        if (connection.client == from) {
            return connection;
        }
    }
    return std::nullopt;
}

std::uint32_t Rig::place_of(std::uint32_t ifindex) const {
    for (std::uint32_t place = 1; place < abi::ABI_MAX_IFACES; ++place) {
        abi::abi_iface entry{};
        if (bpf_map_lookup_elem(map("iface"), &place, &entry) == 0 && entry.ifindex == ifindex) {
            return place;
        }
    }
    return 0;
}

void Rig::flags(std::uint32_t ifindex, std::uint16_t set, std::uint16_t cleared) const {
    const std::uint32_t place = place_of(ifindex);
    abi::abi_iface entry{};
    if (place == 0 || bpf_map_lookup_elem(map("iface"), &place, &entry) != 0) {
        throw std::runtime_error("flags of an interface that is not ours");
    }
    entry.flags = static_cast<std::uint16_t>((entry.flags | set) & ~cleared);
    (void)bpf_map_update_elem(map("iface"), &place, &entry, BPF_ANY);
}

std::uint16_t Rig::flags_of(std::uint32_t ifindex) const {
    const std::uint32_t place = place_of(ifindex);
    abi::abi_iface entry{};
    return bpf_map_lookup_elem(map("iface"), &place, &entry) == 0 ? entry.flags : std::uint16_t{0};
}

void Rig::mtu(std::uint32_t ifindex, std::uint32_t bytes) {
    add_link(ifindex, ifindex == front ? front_mac : back_mac, bytes);
}

void Rig::paths(const dataplane::Path& path) {
    for (const auto& [id, endpoint] : image_.endpoints) {
        plane_.kernel->set_path(id, path);
    }
}

void Rig::local(const Address& ip, const dataplane::Local& how) {
    locals_[ip] = how;
    needed(plane_.kernel->set_locals(locals_));
}

std::uint32_t Rig::magic() const {
    abi::abi_control control{};
    const std::uint32_t only = 0;
    (void)bpf_map_lookup_elem(map("control"), &only, &control);
    return static_cast<std::uint32_t>(control.hash_seed) | 1;
}

int Rig::map(const char* name) const {
    return dataplane::map_fd(*plane_.kernel, name);
}
int Rig::program(const char* name) const {
    return dataplane::program_fd(*plane_.kernel, name);
}

Ethernet to_backend() {
    return {.destination = backend_mac, .source = back_mac};
}
Ethernet to_client() {
    return {.destination = client_mac, .source = front_mac};
}
Ethernet from_backend() {
    return {.destination = back_mac, .source = backend_mac};
}

Ipv4 translated(Ipv4 ip) {
    ip.source = proxy;
    ip.destination = backend;
    ip.ttl--;
    return ip;
}
Ipv4 reply_ip(Ipv4 ip) {
    ip.source = ip.source == client ? backend : ip.source;
    ip.destination = proxy;
    return ip;
}
Ipv4 reply_translated(Ipv4 ip) {
    ip.source = vip;
    ip.destination = client;
    ip.ttl--;
    return ip;
}

Ipv6 translated(Ipv6 ip) {
    ip.source = proxy6;
    ip.destination = backend6;
    ip.hop_limit--;
    return ip;
}
Ipv6 reply_ip(Ipv6 ip) {
    ip.source = ip.source == client6 ? backend6 : ip.source;
    ip.destination = proxy6;
    return ip;
}
Ipv6 reply_translated(Ipv6 ip) {
    ip.source = vip6;
    ip.destination = client6;
    ip.hop_limit--;
    return ip;
}

} // namespace proxip::packet
