#pragma once

// Every table of the data plane, mapped or by descriptor. The descriptors belong to the skeleton, which outlives this.

#include "dataplane/object.hpp"
#include "dataplane/tables.hpp"
#include "policy/abi.hpp"

namespace proxip::dataplane {

struct KernelTables {
    MappedArray<abi::abi_control> control;
    MappedArray<abi::abi_ledger> ledger;
    MappedArray<abi::abi_clock> clock;
    MappedArray<abi::abi_slot> slots;
    MappedArray<abi::abi_vip> vips;
    MappedArray<abi::abi_endpoint> endpoints;
    MappedArray<abi::abi_proxy> proxies;
    MappedArray<abi::abi_binding> bindings;
    MappedArray<abi::abi_binding_live> binding_live;
    MappedArray<abi::abi_service> services; // both halves
    MappedArray<abi::abi_backend> backends; // both halves
    MappedArray<abi::abi_source> sources;   // both halves
    MappedArray<abi::abi_iface> ifaces;
    MappedArray<abi::abi_local_filter> local_filter;
    int rings = -1;
    int port_chunks = -1;
    int match = -1;
    int lookup = -1;
    int allowed = -1;
    int orders = -1;
    int nat_events = -1;
    int local = -1;
    int binding_stats = -1;
    int counters = -1;
    std::size_t cpus = 1; // possible ones: per-CPU maps have a value for each

    [[nodiscard]] static Result<KernelTables> open(const Skeleton& skeleton, std::uint32_t max_connections);
};

} // namespace proxip::dataplane
