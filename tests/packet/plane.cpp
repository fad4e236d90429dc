#include "packet/plane.hpp"

#include <stdexcept>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/kernel.hpp"
#include "packet/entries.hpp"
#include "packet/world.hpp"

namespace proxip::packet {

namespace {

Plane open(const BpfFolder& folder) {
    auto opened = dataplane::open_kernel(folder.pins(), table_size);
    if (!opened) {
        throw std::runtime_error(opened.error().text());
    }
    return {.kernel = std::move(*opened), .ids = {}};
}

void cleared(bool done, const char* what) {
    if (!done) {
        throw std::runtime_error(std::string("cannot clear ") + what);
    }
}

void remove_configuration(Plane& plane) {
    cleared(plane.kernel->install(policy::Image{}, plane.kernel->generation() + 1).has_value(), "the configuration");
    plane.kernel->clear(policy::collect(plane.ids, {}, {}));
    cleared(plane.kernel->set_locals({}).has_value(), "our addresses");
}

void zero(const dataplane::Dataplane& plane, const char* name, std::uint32_t entries, std::size_t bytes) {
    const std::vector<std::uint8_t> nothing(bytes);
    for (std::uint32_t key = 0; key < entries; ++key) {
        cleared(bpf_map_update_elem(dataplane::map_fd(plane, name), &key, nothing.data(), BPF_ANY) == 0, name);
    }
}

void remove_connections(const dataplane::Dataplane& plane) {
    clear_entries(dataplane::map_fd(plane, "conn"), table_size);
    const int trail = dataplane::map_fd(plane, "trail");
    for (abi::abi_datagram datagram{}; bpf_map_get_next_key(trail, nullptr, &datagram) == 0;) {
        (void)bpf_map_delete_elem(trail, &datagram);
    }
    std::uint32_t slot = 0;
    while (bpf_map_lookup_and_delete_elem(dataplane::map_fd(plane, "free_slots"), nullptr, &slot) == 0) {
    }
    abi::abi_client remembered{};
    while (bpf_map_get_next_key(dataplane::map_fd(plane, "affinity"), nullptr, &remembered) == 0) {
        (void)bpf_map_delete_elem(dataplane::map_fd(plane, "affinity"), &remembered);
    }
    abi::abi_quota counted{};
    while (bpf_map_get_next_key(dataplane::map_fd(plane, "quota"), nullptr, &counted) == 0) {
        (void)bpf_map_delete_elem(dataplane::map_fd(plane, "quota"), &counted);
    }
    zero(plane, "slot", table_size, sizeof(abi::abi_slot));
    zero(plane, "ledger", 1, sizeof(abi::abi_ledger));
}

void remove_counts(const dataplane::Dataplane& plane) {
    constexpr std::uint32_t some = 32; // ids are dense, and tests name few things
    const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
    zero(plane, "counters", abi::ABI_REASON_COUNT, 8 * cpus);
    zero(plane, "icmp_budget", 1, 8 * cpus);
    zero(plane, "binding_stats", some, sizeof(abi::abi_binding_stats) * cpus);
    zero(plane, "binding_live", some, sizeof(abi::abi_binding_live));
    zero(plane, "service_live", some, sizeof(abi::abi_service_live));
    zero(plane, "iface", abi::ABI_MAX_IFACES, sizeof(abi::abi_iface));
}

void link_programs(const dataplane::Dataplane& plane) {
#define PROXIP_PROGRAM(name, program) std::pair<std::uint32_t, const char*>(abi::ABI_PROGRAM_##name, #program),
    for (const auto& [key, name] : {ABI_PROGRAMS(PROXIP_PROGRAM)}) {
#undef PROXIP_PROGRAM
        const int program = dataplane::program_fd(plane, name);
        cleared(bpf_map_update_elem(dataplane::map_fd(plane, "programs"), &key, &program, BPF_ANY) == 0,
                "the programs");
    }
}

} // namespace

Plane& clean_plane() {
    static const BpfFolder folder;
    static Plane plane = open(folder);
    plane.kernel->tell_nat(false);
    plane.kernel->read_nat_events([](const dataplane::NatEvent& /*of the last test*/) {});
    remove_connections(*plane.kernel);
    remove_configuration(plane);
    remove_counts(*plane.kernel);
    link_programs(*plane.kernel);
    return plane;
}

} // namespace proxip::packet
