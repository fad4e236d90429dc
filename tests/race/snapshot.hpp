#pragma once

// The tables of connections and ports, read out.

#include <map>
#include <utility>
#include <vector>

#include "bpf/abi/types.h"
#include "packet/entries.hpp"
#include "race/course.hpp"

namespace proxip::race {

struct Snapshot {
    std::vector<abi::abi_slot> slots;
    abi::abi_table_seed seed{};
    std::vector<packet::Entry> keys;
    std::vector<std::uint32_t> free_slots; // in the queue's order
    abi::abi_ledger ledger{};
    std::map<std::uint32_t, abi::abi_ring> rings;             // used ones
    std::map<std::uint32_t, std::vector<std::uint16_t>> fifo; // their free ports, the next first
    std::map<std::uint32_t, abi::abi_binding_live> bindings;  // used ones
    std::vector<abi::abi_vip> vips;
    std::vector<abi::abi_endpoint> endpoints;
    std::vector<abi::abi_proxy> proxies;
};

[[nodiscard]] Snapshot take_snapshot(const Course& course);

// The keys that a slot's connection must have.
[[nodiscard]] abi::abi_tuple original_key(const Snapshot& tables, const abi::abi_slot& slot);
[[nodiscard]] abi::abi_tuple reply_key(const Snapshot& tables, const abi::abi_slot& slot);

} // namespace proxip::race
