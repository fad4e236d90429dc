#include "race/sabotage.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include <bpf/bpf.h>
#include <fmt/core.h>

#include "bpf/abi/tcp.h"
#include "dataplane/tables.hpp"
#include "race/audit.hpp"
#include "race/snapshot.hpp"

namespace proxip::race {

namespace {

template <typename Key, typename Value>
void write(int map, const Key& key, const Value& value, unsigned flags = BPF_ANY) {
    if (bpf_map_update_elem(map, &key, &value, flags) != 0) {
        throw std::runtime_error("cannot write a table");
    }
}

// Changes one value, audits, and puts the value back.
template <typename Value>
bool is_found(const Course& course, const char* map, std::uint32_t key, const Value& right,
              const std::function<void(Value&)>& wrong) {
    Value broken = right;
    wrong(broken);
    write(course.map(map), key, broken);
    const bool found = !audit(course).faults.empty();
    write(course.map(map), key, right);
    return found;
}

// Changes the first entry of a bucket that has one, and no more.
bool bucket_is_found(const Course& course, const Snapshot& tables, const std::function<void(__u64&)>& wrong) {
    const std::uint32_t place = tables.keys.front().bucket;
    const auto right = dataplane::read_element<abi::abi_bucket>(course.map("conn"), place);
    if (!right) {
        throw std::runtime_error("cannot read a bucket");
    }
    return is_found<abi::abi_bucket>(course, "conn", place, *right, [&](abi::abi_bucket& bucket) {
        wrong(*std::ranges::find_if(bucket.entry, [](std::uint64_t entry) { return entry != 0; }));
    });
}

bool lone_half_is_found(const Course& course, const Snapshot& tables) {
    return bucket_is_found(course, tables, [](__u64& entry) { entry = 0; });
}

bool misplaced_key_is_found(const Course& course, const Snapshot& tables) {
    return bucket_is_found(course, tables, [](__u64& entry) { entry ^= __u64{1} << 63; });
}

bool lost_slot_is_found(const Course& course, const Snapshot& tables) {
    const int queue = course.map("free_slots");
    std::uint32_t slot = 0;
    if (bpf_map_lookup_and_delete_elem(queue, nullptr, &slot) != 0) { // none was given back: one that was just taken
        return is_found<abi::abi_ledger>(course, "ledger", 0, tables.ledger, [](auto& l) { ++l.fresh_slots; });
    }
    const bool found = !audit(course).faults.empty();
    (void)bpf_map_update_elem(queue, nullptr, &slot, BPF_ANY);
    return found;
}

} // namespace

bool audit_finds_sabotage(const Course& course) {
    const Snapshot tables = take_snapshot(course);
    const auto live = std::find_if(tables.slots.begin(), tables.slots.end(), [](const abi::abi_slot& slot) {
        return abi::abi_is_live(slot.state.state) != 0 && (slot.state.flags & abi::ABI_CONN_SNAT) != 0;
    });
    if (live == tables.slots.end() || tables.keys.empty()) {
        throw std::runtime_error("there is no connection to break");
    }
    const auto slot_id = static_cast<std::uint32_t>(live - tables.slots.begin());
    const auto& ring = tables.rings.at(live->ring);
    const std::vector<std::pair<const char*, bool>> results = {
        {"a lone half", lone_half_is_found(course, tables)},
        {"a key out of place", misplaced_key_is_found(course, tables)},
        {"a lost slot", lost_slot_is_found(course, tables)},
        {"a lost port", is_found<abi::abi_ring>(course, "ring", live->ring, ring,
                                                [](auto& r) { r.fresh = r.fresh > 1 ? r.fresh - 1 : 2; })},
        {"a doubled port", is_found<abi::abi_slot>(course, "slot", slot_id, *live,
                                                   [](auto& s) { s.state.flags |= abi::ABI_CONN_IN_RING; })},
        {"a half-made connection",
         is_found<abi::abi_slot>(course, "slot", slot_id, *live, [](auto& s) { s.state.state = abi::ABI_OPENING; })},
        {"a wrong count", is_found<abi::abi_ledger>(course, "ledger", 0, tables.ledger, [](auto& l) { ++l.opened; })},
    };
    bool all = audit(course).faults.empty();
    for (const auto& [what, found] : results) {
        fmt::print("  sabotage: {} {}\n", what, found ? "is found" : "is NOT FOUND");
        all = all && found;
    }
    return all;
}

} // namespace proxip::race
