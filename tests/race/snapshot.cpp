#include "race/snapshot.hpp"

#include <memory>
#include <stdexcept>

#include <bpf/bpf.h>

#include "dataplane/tables.hpp"
#include "model/descriptor.hpp"

namespace proxip::race {

namespace {

constexpr std::uint32_t some = 8; // ids of the course's few services, endpoints, Proxy IPs, bindings and rings

template <typename T>
T read(int map, std::uint32_t key) {
    const auto value = dataplane::read_element<T>(map, key);
    if (!value) {
        throw std::runtime_error("cannot read a table");
    }
    return *value;
}

template <typename T>
std::vector<T> read_some(int map, std::uint32_t count) {
    std::vector<T> out;
    for (std::uint32_t key = 0; key < count; ++key) {
        out.push_back(read<T>(map, key));
    }
    return out;
}

std::vector<std::uint32_t> read_queue(int queue) {
    std::vector<std::uint32_t> out;
    std::uint32_t slot = 0;
    while (bpf_map_lookup_and_delete_elem(queue, nullptr, &slot) == 0) {
        out.push_back(slot);
    }
    for (const std::uint32_t back : out) {
        (void)bpf_map_update_elem(queue, nullptr, &back, BPF_ANY);
    }
    return out;
}

std::vector<std::uint16_t> read_fifo(const Course& course, const abi::abi_ring& ring) {
    const std::uint32_t chunk = ring.chunk;
    const std::uint32_t slab = ring.slab;
    std::uint32_t map_id = 0;
    const auto ports = std::make_unique<abi::abi_slab>();
    if (bpf_map_lookup_elem(course.map("port_chunks"), &chunk, &map_id) != 0) {
        throw std::runtime_error("a ring without its chunk of ports");
    }
    const Descriptor map(bpf_map_get_fd_by_id(map_id));
    if (bpf_map_lookup_elem(map.get(), &slab, ports.get()) != 0) {
        throw std::runtime_error("a ring without its slab of ports");
    }
    std::vector<std::uint16_t> out;
    for (std::uint32_t i = 0; i < ring.queued; ++i) {
        const std::uint32_t place = ring.base + (ring.head + i) % ring.count;
        out.push_back(ports->port[place % abi::ABI_SLAB_PORTS]);
    }
    return out;
}

abi::abi_tuple key_of(const abi::abi_slot& slot) {
    abi::abi_tuple out{};
    out.protocol = slot.protocol;
    out.family = slot.family;
    return out;
}

} // namespace

Snapshot take_snapshot(const Course& course) {
    Snapshot out;
    out.slots = read_some<abi::abi_slot>(course.map("slot"), course.size().connections);
    out.seed = read<abi::abi_table_seed>(course.map("table_seed"), 0);
    out.keys = packet::read_entries(course.map("conn"), course.size().connections);
    out.free_slots = read_queue(course.map("free_slots"));
    out.ledger = read<abi::abi_ledger>(course.map("ledger"), 0);
    out.vips = read_some<abi::abi_vip>(course.map("vip"), some);
    out.endpoints = read_some<abi::abi_endpoint>(course.map("endpoint"), some);
    out.proxies = read_some<abi::abi_proxy>(course.map("proxy"), some);
    for (std::uint32_t id = 0; id < some; ++id) {
        const auto ring = read<abi::abi_ring>(course.map("ring"), id);
        if (ring.used != 0) {
            out.rings[id] = ring;
            out.fifo[id] = read_fifo(course, ring);
        }
        if (read<abi::abi_binding>(course.map("binding"), id).used != 0) {
            out.bindings[id] = read<abi::abi_binding_live>(course.map("binding_live"), id);
        }
    }
    return out;
}

abi::abi_tuple original_key(const Snapshot& tables, const abi::abi_slot& slot) {
    auto out = key_of(slot);
    out.source = slot.client;
    out.destination = tables.vips.at(slot.service).address;
    out.source_port_be = slot.client_port_be;
    out.destination_port_be = slot.vip_port_be;
    return out;
}

abi::abi_tuple reply_key(const Snapshot& tables, const abi::abi_slot& slot) {
    auto out = key_of(slot);
    const bool has_proxy = (slot.state.flags & abi::ABI_CONN_SNAT) != 0;
    out.source = tables.endpoints.at(slot.endpoint).address;
    out.destination = has_proxy ? tables.proxies.at(slot.proxy).address : slot.client;
    out.source_port_be = slot.backend_port_be;
    out.destination_port_be = slot.proxy_port_be;
    return out;
}

} // namespace proxip::race
