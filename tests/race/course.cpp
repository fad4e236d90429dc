#include "race/course.hpp"

#include <algorithm>
#include <stdexcept>

#include <bpf/bpf.h>
#include <net/if.h>

#include "dataplane/kernel.hpp"
#include "packet/packet.hpp"

namespace proxip::race {

namespace {

Address address(packet::Ip ip) {
    Address out;
    std::copy(ip.begin(), ip.end(), out.bytes.begin());
    return out;
}

template <typename R>
auto needed(R result) {
    if (!result) {
        throw std::runtime_error(result.error().text());
    }
    if constexpr (!std::is_void_v<typename R::value_type>) {
        return std::move(*result);
    }
}

Service service(const char* name, Protocol protocol, std::uint16_t port, Snat snat) {
    Service out;
    out.name = name;
    out.address = {.protocol = protocol, .address = address(packet::vip), .ports = {port, port}};
    out.snat = snat;
    out.backends = {{.address = {.address = address(packet::backend), .port = backend_port},
                     .weight = 1,
                     .backup = false,
                     .enabled = {}}};
    return out;
}

Config race_config(Size size) {
    Config out;
    const auto last = static_cast<std::uint16_t>(first_port + size.ports - 1);
    out.pools = {{.name = "default",
                  .addresses = {{.first = address(packet::proxy), .last = address(packet::proxy)}},
                  .ports = {first_port, last},
                  .exclude_ports = {}}};
    out.services = {service("web", Protocol::tcp, web_port, Snat::always),
                    service("bare", Protocol::tcp, bare_port, Snat::never),
                    service("dns", Protocol::udp, dns_port, Snat::always)};
    return out;
}

} // namespace

Course::Course(Size size)
    : size_(size), interface_(::if_nametoindex("lo")), config_(race_config(size)),
      plane_(needed(dataplane::open_kernel(folder_.pins(), size.connections))) {
    needed(plane_->set_link(
        {.index = interface_, .mac = packet::front_mac, .mtu = 1500, .ethernet = true, .partial_checksums = false}));
    plane_->tell_nat(true);
    install();
    needed(plane_->set_locals({{address(packet::vip), {.vip = true, .answer = true}},
                               {address(packet::proxy), {.proxy = true, .answer = true}}}));
    for (std::uint32_t place = 0; place < abi::ABI_MAX_IFACES; ++place) {
        abi::abi_iface entry{};
        if (bpf_map_lookup_elem(map("iface"), &place, &entry) == 0 && entry.ifindex == interface_) {
            entry.flags |= abi::ABI_IFACE_REDIRECT_IN | abi::ABI_IFACE_REDIRECT_OUT;
            (void)bpf_map_update_elem(map("iface"), &place, &entry, BPF_ANY);
        }
    }
}

void Course::install() {
    constexpr std::uint32_t seed = 7;
    const auto available = [](const Service&, const Backend&) { return true; };
    const auto image = needed(policy::compile(config_, available, ids_, seed));
    needed(plane_->install(image, plane_->generation() + 1));
    for (const auto& [id, endpoint] : image.endpoints) {
        plane_->set_path(id, {.hop = {{.link = interface_, .mac = packet::backend_mac}}, .inline_prefix = {}});
    }
}

void Course::idle_timeouts(std::chrono::milliseconds time) {
    for (Service& service : config_.services) {
        service.idle_timeout = {.syn = time, .established = time, .closing = time, .closed = time, .udp = time};
    }
    install();
}

int Course::map(const char* name) const {
    return dataplane::map_fd(*plane_, name);
}
int Course::program() const {
    return dataplane::program_fd(*plane_, "proxip_xdp");
}

} // namespace proxip::race
