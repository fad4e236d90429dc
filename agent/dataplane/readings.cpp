#include "dataplane/readings.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <ctime>
#include <span>

namespace proxip::dataplane {

namespace {

// The data plane's clock: CLOCK_MONOTONIC_COARSE, in ticks.
std::uint32_t now_ticks() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const auto ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(now.tv_nsec);
    return static_cast<std::uint32_t>(ns >> abi::ABI_TICK_SHIFT);
}

// A copy of a slot that was one connection all the while, or none.
std::optional<abi::abi_slot> snapshot(abi::abi_slot& slot) {
    const auto before = std::atomic_ref(slot.word).load(std::memory_order_acquire);
    abi::abi_slot copy;
    std::memcpy(&copy, &slot, sizeof copy);
    std::atomic_thread_fence(std::memory_order_acquire);
    const auto after = std::atomic_ref(slot.word).load(std::memory_order_relaxed);
    if (static_cast<std::uint32_t>(before) != static_cast<std::uint32_t>(after)) {
        return std::nullopt;
    }
    copy.word = after;
    return copy;
}

bool is_connection(const abi::abi_slot& slot) {
    return abi::abi_is_live(slot.state.state) != 0 || slot.state.state == abi::ABI_CLOSED;
}

// Not a copy: most slots are something else, and are left at the first look.
bool is_unanswered(const abi::abi_slot& slot) {
    return slot.state.state == abi::ABI_SYN && (slot.state.flags & abi::ABI_CONN_SNAT) == 0 && slot.out.packets == 0;
}

std::size_t used_slots(const KernelTables& tables) {
    return std::min<std::size_t>(tables.ledger[0].fresh_slots, tables.slots.size());
}

double seconds_between(std::uint32_t earlier, std::uint32_t later) {
    const auto ticks = static_cast<std::int32_t>(later - earlier);
    return ticks > 0 ? policy::tick_seconds(static_cast<std::uint32_t>(ticks)) : 0.0;
}

std::optional<Connection> decode(const KernelTables& tables, const abi::abi_slot& slot, std::uint32_t now) {
    if (slot.service >= tables.vips.size() || slot.endpoint >= tables.endpoints.size() ||
        slot.proxy >= tables.proxies.size()) {
        return std::nullopt;
    }
    Connection out;
    out.service = slot.service;
    out.endpoint = slot.endpoint;
    out.binding = slot.binding;
    out.protocol = policy::protocol_from_abi(slot.protocol);
    out.client = {policy::from_abi(slot.client, slot.family), policy::swap_port(slot.client_port_be)};
    out.vip = {policy::from_abi(tables.vips[slot.service].address, slot.family), policy::swap_port(slot.vip_port_be)};
    out.backend = {policy::from_abi(tables.endpoints[slot.endpoint].address, slot.family),
                   policy::swap_port(slot.backend_port_be)};
    if ((slot.state.flags & abi::ABI_CONN_SNAT) != 0) {
        out.proxy =
            SocketAddress{policy::from_abi(tables.proxies[slot.proxy].address, tables.proxies[slot.proxy].family),
                          policy::swap_port(slot.proxy_port_be)};
    }
    out.state = static_cast<abi::abi_conn_state>(slot.state.state);
    out.reason = static_cast<abi::abi_snat_reason>(slot.snat_reason);
    const bool exact = static_cast<std::uint32_t>(slot.opened_ns >> abi::ABI_TICK_SHIFT) == slot.opened;
    out.opened_ns = exact ? slot.opened_ns : std::uint64_t{slot.opened} << abi::ABI_TICK_SHIFT;
    out.age_seconds = seconds_between(slot.opened, now);
    out.idle_seconds = seconds_between(slot.last_seen, now);
    out.in = slot.in;
    out.out = slot.out;
    return out;
}

void add(abi::abi_counter& sum, const abi::abi_counter& value) {
    sum.packets += value.packets;
    sum.bytes += value.bytes;
}

struct Reason {
    std::uint32_t id;
    const char* name;
};

#define ABI_REASON_ROW(id, symbol, name, help) {id, name},
#define ABI_NO_ROW(id, symbol, name, help)
constexpr Reason drop_reasons[] = {ABI_REASONS(ABI_REASON_ROW, ABI_NO_ROW)};
constexpr Reason event_reasons[] = {ABI_REASONS(ABI_NO_ROW, ABI_REASON_ROW)};
#undef ABI_REASON_ROW
#undef ABI_NO_ROW

std::map<std::string, std::uint64_t> read_counters(const KernelTables& tables, std::span<const Reason> reasons) {
    std::map<std::string, std::uint64_t> out;
    for (const Reason& reason : reasons) {
        std::uint64_t sum = 0;
        for (const std::uint64_t value : read_per_cpu<std::uint64_t>(tables.counters, reason.id, tables.cpus)) {
            sum += value;
        }
        out.emplace(reason.name, sum);
    }
    return out;
}

} // namespace

std::map<std::string, std::uint64_t> read_drops(const KernelTables& tables) {
    return read_counters(tables, drop_reasons);
}

std::map<std::string, std::uint64_t> read_events(const KernelTables& tables) {
    return read_counters(tables, event_reasons);
}

std::uint64_t read_live(const KernelTables& tables) {
    const auto& ledger = tables.ledger[0];
    const std::uint64_t closed = std::atomic_ref(ledger.closed).load();
    const std::uint64_t opened = std::atomic_ref(ledger.opened).load();
    return opened > closed ? opened - closed : 0;
}

std::optional<abi::abi_slot> read_slot(const KernelTables& tables, std::uint32_t index) {
    if (index >= tables.slots.size() || !is_connection(tables.slots[index])) {
        return std::nullopt;
    }
    const auto slot = snapshot(tables.slots[index]);
    return slot && is_connection(*slot) ? slot : std::nullopt;
}

std::optional<Connection> connection_of(const KernelTables& tables, const abi::abi_slot& slot) {
    return decode(tables, slot, now_ticks());
}

void read_slots(const KernelTables& tables, const SlotVisit& visit) {
    const std::uint32_t now = now_ticks();
    for (std::uint32_t i = 0; i < used_slots(tables); ++i) {
        const auto slot = read_slot(tables, i);
        if (!slot) {
            continue;
        }
        if (const auto connection = decode(tables, *slot, now); connection && !visit(i, *slot, *connection)) {
            return;
        }
    }
}

void read_connections(const KernelTables& tables, const std::function<bool(const Connection&)>& visit) {
    read_slots(tables, [&](std::uint32_t /*index*/, const abi::abi_slot& /*slot*/, const Connection& connection) {
        return visit(connection);
    });
}

void read_unanswered(const KernelTables& tables, const std::function<bool(const Connection&)>& visit) {
    const std::uint32_t now = now_ticks();
    for (std::uint32_t i = 0; i < used_slots(tables); ++i) {
        if (!is_unanswered(tables.slots[i])) {
            continue;
        }
        const auto slot = read_slot(tables, i);
        const auto connection = slot && is_unanswered(*slot) ? decode(tables, *slot, now) : std::nullopt;
        if (connection && !visit(*connection)) {
            return;
        }
    }
}

double read_seconds_since_sweep(const KernelTables& tables) {
    return seconds_between(tables.clock[0].ticks, now_ticks());
}

std::uint32_t read_some_connections(const KernelTables& tables, std::uint32_t at_most,
                                    const std::function<void(const Connection&)>& visit) {
    const std::size_t used = used_slots(tables);
    const std::size_t step = std::max<std::size_t>(1, (used + at_most - 1) / at_most);
    const std::uint32_t now = now_ticks();
    for (std::size_t i = 0; i < used; i += step) {
        const auto slot = read_slot(tables, static_cast<std::uint32_t>(i));
        if (const auto connection = slot ? decode(tables, *slot, now) : std::nullopt) {
            visit(*connection);
        }
    }
    return static_cast<std::uint32_t>(step);
}

policy::References read_references(const KernelTables& tables) {
    policy::References out;
    for (std::size_t i = 0; i < used_slots(tables); ++i) {
        const auto& slot = tables.slots[i];
        if (slot.state.state == abi::ABI_FREE) {
            continue;
        }
        out.services.insert(slot.service);
        out.endpoints.insert(slot.endpoint);
        out.bindings.insert(slot.binding);
        if ((slot.state.flags & abi::ABI_CONN_SNAT) != 0) {
            out.proxies.insert(slot.proxy);
            out.rings.insert(slot.ring);
        }
    }
    return out;
}

BindingCounts read_counts(const KernelTables& tables, policy::Id binding) {
    BindingCounts out;
    const auto& live = tables.binding_live[binding];
    const std::uint64_t closed = std::atomic_ref(live.closed).load();
    out.opened = std::atomic_ref(live.opened).load();
    out.live = out.opened > closed ? out.opened - closed : 0;
    for (const auto& stats : read_per_cpu<abi::abi_binding_stats>(tables.binding_stats, binding, tables.cpus)) {
        add(out.in, stats.in);
        add(out.out, stats.out);
    }
    return out;
}

std::vector<RingUse> read_ring_use(const KernelTables& tables, const std::vector<policy::Id>& rings) {
    std::vector<RingUse> out;
    for (const policy::Id id : rings) {
        if (const auto ring = read_element<abi::abi_ring>(tables.rings, id); ring && ring->used != 0) {
            const std::uint64_t in_use = ring->fresh > ring->queued ? ring->fresh - ring->queued : 0;
            out.push_back(
                {.proxy = ring->proxy, .endpoint = ring->endpoint, .in_use = in_use, .capacity = ring->count});
        }
    }
    return out;
}

} // namespace proxip::dataplane
