#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "bpf/abi/limits.h"
#include "bpf/abi/types.h"
#include "model/validate.hpp"

namespace proxip::validation {

static_assert(limits::max_proxy_addresses <= abi::ABI_MAX_PROXIES);
static_assert(limits::max_pool_addresses <= abi::ABI_MAX_POOL_ADDRESSES);
static_assert(limits::max_port_segments == abi::ABI_RING_SEGMENTS, "a ring holds so many pieces of its port range");

ProxyAddresses::ProxyAddresses(const std::vector<ProxyPool>& pools) {
    for (std::size_t pool = 0; pool < pools.size(); ++pool) {
        const auto& addresses = pools[pool].addresses;
        for (std::size_t entry = 0; entry < addresses.size(); ++entry) {
            sorted_.push_back({.range = addresses[entry], .pool = pool, .entry = entry});
        }
    }
    std::ranges::sort(sorted_, {}, [](const Owner& owner) { return std::tie(owner.range, owner.pool, owner.entry); });
}

const ProxyAddresses::Owner* ProxyAddresses::owner(const Address& address) const {
    const auto first_above =
        std::ranges::upper_bound(sorted_, address, {}, [](const Owner& candidate) { return candidate.range.first; });
    if (first_above == sorted_.begin()) {
        return nullptr;
    }
    const Owner& candidate = *std::prev(first_above);
    return candidate.range.contains(address) ? &candidate : nullptr;
}

std::optional<std::pair<ProxyAddresses::Owner, ProxyAddresses::Owner>> ProxyAddresses::overlap() const {
    // In order of the first address, two that overlap are neighbours: the first that overlaps anything overlaps the
    // next.
    const auto found =
        std::ranges::adjacent_find(sorted_, [](const Owner& a, const Owner& b) { return a.range.overlaps(b.range); });
    if (found == sorted_.end()) {
        return std::nullopt;
    }
    Owner earlier = *found;
    Owner later = *std::next(found);
    if (std::tie(later.pool, later.entry) < std::tie(earlier.pool, earlier.entry)) {
        std::swap(earlier, later);
    }
    return std::pair{earlier, later};
}

namespace {

Fault check_range(const Place& place, const AddressRange& range) {
    if (range.first.family != range.last.family || range.last < range.first) {
        return place.unfit(range.text(), "a range FIRST-LAST of one family whose first address is not above its last");
    }
    return std::nullopt;
}

// Sizes come before anything that walks the addresses: a range may name 2^128 of them.
Fault check_addresses(const Place& pool_place, const ProxyPool& pool, std::uint64_t& total) {
    const Place place = pool_place.key("addresses");
    std::uint64_t of_pool = 0;
    if (pool.addresses.empty()) {
        return place.fault("found no address, expected at least one");
    }
    for (std::size_t i = 0; i < pool.addresses.size(); ++i) {
        const AddressRange& range = pool.addresses[i];
        if (auto fault = check_range(place.index(i), range)) {
            return fault;
        }
        if (range.size() > limits::max_pool_addresses - of_pool) {
            return place.index(i).unfit(range.text(),
                                        fmt::format("at most {} addresses in a pool", limits::max_pool_addresses));
        }
        of_pool += range.size();
        if (range.size() > limits::max_proxy_addresses - total) {
            return place.index(i).unfit(
                range.text(), fmt::format("at most {} addresses in all pools together", limits::max_proxy_addresses));
        }
        total += range.size();
    }
    return std::nullopt;
}

Fault check_each_unicast(const Place& pool_place, const ProxyPool& pool) {
    for (std::size_t i = 0; i < pool.addresses.size(); ++i) {
        const ProxyPool one_entry{.name = {}, .addresses = {pool.addresses[i]}, .exclude_ports = {}};
        for (const Address& address : one_entry.each_address()) {
            if (auto fault = check_unicast(pool_place.key("addresses").index(i), address)) {
                return fault;
            }
        }
    }
    return std::nullopt;
}

Fault check_port_range(const Place& place, const PortRange& ports) {
    if (ports.first == 0 || ports.last < ports.first) {
        return place.unfit(ports.text(), "a port from 1 to 65535 or a range FIRST-LAST of them, first not above last");
    }
    return std::nullopt;
}

Fault check_ports(const Place& place, const ProxyPool& pool) {
    if (auto fault = check_port_range(place.key("ports"), pool.ports)) {
        return fault;
    }
    const Place excluded = place.key("exclude_ports");
    for (std::size_t i = 0; i < pool.exclude_ports.size(); ++i) {
        if (auto fault = check_port_range(excluded.index(i), pool.exclude_ports[i])) {
            return fault;
        }
    }
    const std::size_t segments = pool.port_segments().size();
    if (segments == 0) {
        return excluded.fault(
            fmt::format("excludes every port of {}, expected at least one to be left", pool.ports.text()));
    }
    if (segments > limits::max_port_segments) {
        return excluded.fault(fmt::format("cuts {} into {} pieces, expected at most {}", pool.ports.text(), segments,
                                          limits::max_port_segments));
    }
    return std::nullopt;
}

Fault check_pool(const ProxyPool& pool, std::size_t index, std::uint64_t& total) {
    const Place place = place_of(pool, index);
    return first_of([&] { return check_name(place.key("name"), pool.name); },
                    [&] { return check_addresses(place, pool, total); },
                    [&] { return check_each_unicast(place, pool); }, [&] { return check_ports(place, pool); });
}

Fault check_overlap(const std::vector<ProxyPool>& pools, const ProxyAddresses& proxies) {
    const auto overlap = proxies.overlap();
    if (!overlap) {
        return std::nullopt;
    }
    const auto& [earlier, later] = *overlap;
    const Place place = place_of(pools[later.pool], later.pool).key("addresses").index(later.entry);
    return place.unfit(later.range.text(), fmt::format("each Proxy IP once: {} is in pool[{}] already",
                                                       earlier.range.text(), pools[earlier.pool].name));
}

} // namespace

Fault check_pools(const std::vector<ProxyPool>& pools, const ProxyAddresses& proxies) {
    if (pools.size() > limits::max_pools) {
        return Place{}
            .key("proxy_pool")
            .fault(fmt::format("found {} pools, expected at most {}", pools.size(), limits::max_pools));
    }
    std::set<std::string_view> names;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < pools.size(); ++i) {
        if (auto fault = check_pool(pools[i], i, total)) {
            return fault;
        }
        if (!names.insert(pools[i].name).second) {
            return place_of(pools[i], i).key("name").unfit(pools[i].name, "a name that no other pool has");
        }
    }
    return check_overlap(pools, proxies);
}

} // namespace proxip::validation
