#include "dataplane/kernel_tables.hpp"

#include <algorithm>

#include <bpf/libbpf.h>
#include <fmt/format.h>

namespace proxip::dataplane {

std::size_t page_rounded(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return (bytes + page - 1) / page * page;
}

Result<KernelTables> KernelTables::open(const Skeleton& skeleton, std::uint32_t max_connections) {
    KernelTables out;
    const auto& maps = skeleton->maps;
    Result<void> result;
    const auto map = [&]<typename T>(MappedArray<T>& array, const bpf_map* source, std::size_t entries) {
        if (!result) {
            return;
        }
        if (bpf_map__value_size(source) != sizeof(T)) {
            result =
                fail(ErrorCode::failed, fmt::format("map {} has values of {} bytes; expected {}", bpf_map__name(source),
                                                    bpf_map__value_size(source), sizeof(T)));
            return;
        }
        auto mapped = MappedArray<T>::map(bpf_map__fd(source), entries);
        if (!mapped) {
            result = std::unexpected(mapped.error());
            return;
        }
        array = std::move(*mapped);
    };
    map(out.control, maps.control, 1);
    map(out.ledger, maps.ledger, 1);
    map(out.clock, maps.clock, 1);
    map(out.slots, maps.slot, max_connections);
    map(out.vips, maps.vip, abi::ABI_MAX_SERVICES);
    map(out.endpoints, maps.endpoint, abi::ABI_MAX_ENDPOINTS);
    map(out.proxies, maps.proxy, abi::ABI_MAX_PROXIES);
    map(out.bindings, maps.binding, abi::ABI_MAX_BINDINGS);
    map(out.binding_live, maps.binding_live, abi::ABI_MAX_BINDINGS);
    map(out.services, maps.service, 2 * abi::ABI_MAX_SERVICES);
    map(out.backends, maps.backend, 2 * abi::ABI_MAX_BACKENDS);
    map(out.sources, maps.source, 2 * abi::ABI_MAX_SOURCES);
    map(out.local_filter, maps.local_filter, 1);
    map(out.ifaces, maps.iface, abi::ABI_MAX_IFACES);
    if (!result) {
        return std::unexpected(result.error());
    }
    out.rings = bpf_map__fd(maps.ring);
    out.port_chunks = bpf_map__fd(maps.port_chunks);
    out.match = bpf_map__fd(maps.match);
    out.lookup = bpf_map__fd(maps.lookup);
    out.allowed = bpf_map__fd(maps.allowed);
    out.orders = bpf_map__fd(maps.orders);
    out.nat_events = bpf_map__fd(maps.nat_events);
    out.local = bpf_map__fd(maps.local);
    out.binding_stats = bpf_map__fd(maps.binding_stats);
    out.counters = bpf_map__fd(maps.counters);
    out.cpus = static_cast<std::size_t>(std::max(1, libbpf_num_possible_cpus()));
    return out;
}

} // namespace proxip::dataplane
