#include "race/audit.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "bpf/abi/permutation.h"
#include "bpf/abi/tcp.h"
#include "policy/abi.hpp"
#include "race/snapshot.hpp"

namespace proxip::race {

namespace {

bool is_used(const abi::abi_slot& slot) {
    return abi::abi_is_live(slot.state.state) != 0 || slot.state.state == abi::ABI_CLOSED;
}

// Each slot is in use, or free and in the queue once, or was never used.
void audit_slots(const Snapshot& tables, Findings& out) {
    const auto fresh = std::min<std::uint64_t>(tables.ledger.fresh_slots, tables.slots.size());
    const std::set<std::uint32_t> queue(tables.free_slots.begin(), tables.free_slots.end());
    if (queue.size() != tables.free_slots.size()) {
        out.fault("a slot is in the queue of free ones twice");
    }
    std::size_t used = 0;
    for (std::uint32_t id = 0; id < tables.slots.size(); ++id) {
        const auto& slot = tables.slots[id];
        const bool free = slot.state.state == abi::ABI_FREE;
        if (!free && !is_used(slot)) {
            out.fault(fmt::format("slot {} was left in state {}", id, slot.state.state));
        }
        if ((free && id < fresh) != queue.contains(id)) {
            out.fault(fmt::format("slot {} in state {} is {}in the queue of free ones", id, slot.state.state,
                                  queue.contains(id) ? "" : "not "));
        }
        used += free ? 0 : 1;
        out.live += abi::abi_is_live(slot.state.state) != 0 ? 1U : 0U;
        out.closed += slot.state.state == abi::ABI_CLOSED ? 1U : 0U;
    }
    if (used + queue.size() + (tables.slots.size() - fresh) != tables.slots.size()) {
        out.fault(fmt::format("{} slots used, {} free, {} never used: not {}", used, queue.size(),
                              tables.slots.size() - fresh, tables.slots.size()));
    }
}

// Each connection has both keys, and each key its connection.
void audit_keys(const Snapshot& tables, Findings& out) {
    std::vector<std::array<int, 2>> seen(tables.slots.size());
    for (const auto& entry : tables.keys) {
        if (entry.slot >= tables.slots.size() || entry.direction > abi::ABI_REPLY ||
            !is_used(tables.slots[entry.slot])) {
            out.fault(fmt::format("a key names slot {}, which is not in use", entry.slot));
            continue;
        }
        const auto& slot = tables.slots[entry.slot];
        const auto key = entry.direction == abi::ABI_ORIGINAL ? original_key(tables, slot) : reply_key(tables, slot);
        const auto expected = packet::entry_of(key, tables.seed, static_cast<std::uint32_t>(tables.slots.size()));
        if (entry.bucket != expected.bucket || entry.tag != expected.tag) {
            out.fault(fmt::format("a key names slot {}, which is another connection", entry.slot));
        }
        ++seen[entry.slot].at(entry.direction);
    }
    for (std::size_t id = 0; id < seen.size(); ++id) {
        const int expected = is_used(tables.slots[id]) ? 1 : 0;
        if (seen[id][0] != expected || seen[id][1] != expected) {
            out.fault(fmt::format("slot {} in state {} has {} original and {} reply keys", id,
                                  tables.slots[id].state.state, seen[id][0], seen[id][1]));
        }
    }
}

std::set<std::uint16_t> handed_out(const abi::abi_ring& ring) {
    std::set<std::uint16_t> out;
    for (std::uint32_t i = 0; i < ring.fresh; ++i) {
        out.insert(static_cast<std::uint16_t>(ring.segment[0].first + abi::abi_permute(i, ring.count, ring.seed)));
    }
    return out;
}

// Each port that was ever handed out is free again or held by one connection: none lost, none doubled.
void audit_ring(const Snapshot& tables, std::uint32_t id, const abi::abi_ring& ring, Findings& out) {
    const auto& fifo = tables.fifo.at(id);
    const std::set<std::uint16_t> free(fifo.begin(), fifo.end());
    std::set<std::uint16_t> held;
    if (free.size() != fifo.size()) {
        out.fault(
            fmt::format("ring {}: {} of {} free ports are there twice", id, fifo.size() - free.size(), fifo.size()));
    }
    for (const auto& slot : tables.slots) {
        if (!is_used(slot) || (slot.state.flags & abi::ABI_CONN_SNAT) == 0 || slot.ring != id) {
            continue;
        }
        const std::uint16_t port = policy::swap_port(slot.proxy_port_be);
        const bool returned = (slot.state.flags & abi::ABI_CONN_IN_RING) != 0;
        if (returned != free.contains(port)) {
            out.fault(fmt::format("ring {}: port {} is {}free, its connection in state {} says otherwise", id, port,
                                  free.contains(port) ? "" : "not ", slot.state.state));
        }
        if (!returned && !held.insert(port).second) {
            out.fault(fmt::format("ring {}: port {} is held by two connections", id, port));
        }
        if (!returned && slot.state.state == abi::ABI_CLOSED) {
            out.fault(fmt::format("ring {}: a closed connection keeps port {}", id, port));
        }
    }
    auto known = free;
    known.insert(held.begin(), held.end());
    if (ring.fresh > ring.count || known != handed_out(ring)) {
        out.fault(fmt::format("ring {}: {} ports were handed out, {} are free and {} held", id, ring.fresh, free.size(),
                              held.size()));
    }
    out.in_rings += static_cast<std::uint32_t>(free.size());
}

void audit_counters(const Snapshot& tables, Findings& out) {
    const auto live = [&](const auto& belongs) {
        return static_cast<std::uint64_t>(
            std::count_if(tables.slots.begin(), tables.slots.end(), [&](const abi::abi_slot& slot) {
                return abi::abi_is_live(slot.state.state) != 0 && belongs(slot);
            }));
    };
    const auto all = live([](const abi::abi_slot&) { return true; });
    if (tables.ledger.opened - tables.ledger.closed != all) {
        out.fault(fmt::format("{} opened less {} closed are not the {} that live", tables.ledger.opened,
                              tables.ledger.closed, all));
    }
    for (const auto& [id, counted] : tables.bindings) {
        const auto mine = live([binding = id](const abi::abi_slot& slot) { return slot.binding == binding; });
        if (counted.opened - counted.closed != mine) {
            out.fault(fmt::format("binding {}: {} opened less {} closed are not the {} that live", id, counted.opened,
                                  counted.closed, mine));
        }
    }
}

} // namespace

Findings audit(const Course& course) {
    const Snapshot tables = take_snapshot(course);
    Findings out;
    audit_slots(tables, out);
    audit_keys(tables, out);
    for (const auto& [id, ring] : tables.rings) {
        audit_ring(tables, id, ring, out);
    }
    audit_counters(tables, out);
    return out;
}

} // namespace proxip::race
