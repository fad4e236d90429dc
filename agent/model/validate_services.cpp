#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "bpf/abi/limits.h"
#include "model/codec.hpp"
#include "model/validate.hpp"

namespace proxip::validation {

static_assert(limits::max_services <= abi::ABI_MAX_SERVICES);
static_assert(limits::max_backends <= abi::ABI_MAX_BACKENDS && limits::max_backends <= abi::ABI_MAX_ENDPOINTS);
static_assert(limits::max_service_ports * 2 <= abi::ABI_MAX_MATCHES,
              "the table holds the old and the new configuration");
static_assert(limits::max_sources <= abi::ABI_MAX_SOURCES);
static_assert(limits::max_allow * 2 <= abi::ABI_MAX_ALLOWED, "the table holds the old and the new configuration");

namespace {

struct Names {
    std::map<std::string_view, const ProxyPool*> pools;
    const std::vector<ProxyPool>& in_order;
    const ProxyAddresses& proxies;
};

Fault check_not_proxy(const Place& place, const Address& address, const Names& names, std::string_view what) {
    const auto* owner = names.proxies.owner(address);
    if (owner == nullptr) {
        return std::nullopt;
    }
    return place.unfit(address.text(), fmt::format("{} that is not a Proxy IP: it is in pool[{}] ({})", what,
                                                   names.in_order[owner->pool].name, owner->range.text()));
}

Fault check_service_address(const Place& service_place, const Service& service, const Names& names) {
    const Place place = service_place.key("address");
    const Address& address = service.address.address;
    const PortRange& ports = service.address.ports;
    if (!ports.any() && (ports.first == 0 || ports.last < ports.first)) {
        return place.unfit(service.address.text(), "a port, FIRST-LAST with first not above last, or *");
    }
    return first_of([&] { return check_unicast(place, address); },
                    [&] { return check_not_proxy(place, address, names, "a virtual IP"); });
}

Fault check_pool_of(const Place& place, const Service& service, const Names& names) {
    if (auto fault = check_name(place.key("pool"), service.pool)) {
        return fault;
    }
    if (service.snat == Snat::never) {
        return std::nullopt;
    }
    const auto found = names.pools.find(service.pool);
    if (found == names.pools.end()) {
        return place.key("pool").unfit(
            service.pool, fmt::format("the name of a proxy_pool, since snat is \"{}\"", enum_name(service.snat)));
    }
    const Family family = service.address.address.family;
    const auto usable = [family](const AddressRange& range) { return range.first.family == family; };
    if (std::ranges::none_of(found->second->addresses, usable)) {
        return place.key("pool").unfit(service.pool, "a proxy_pool with an address of the service's family");
    }
    return std::nullopt;
}

Fault check_duration(const Place& place, Millis value, Millis least) {
    if (value >= least && value <= limits::max_timeout) {
        return std::nullopt;
    }
    return place.unfit(duration_text(value), fmt::format("a duration from {} to {}", duration_text(least),
                                                         duration_text(limits::max_timeout)));
}

Fault check_idle(const Place& service_place, const IdleTimeouts& idle) {
    const Place place = service_place.key("idle_timeout");
    const auto check = [&place](const char* state, Millis value) {
        return check_duration(place.key(state), value, limits::min_idle_timeout);
    };
    return first_of([&] { return check("syn", idle.syn); }, [&] { return check("established", idle.established); },
                    [&] { return check("closing", idle.closing); }, [&] { return check("closed", idle.closed); },
                    [&] { return check("udp", idle.udp); });
}

Fault check_affinity(const Place& place, Millis affinity) {
    return affinity == Millis{0} ? std::nullopt : check_duration(place.key("affinity"), affinity, limits::min_affinity);
}

// A list that lets nobody in is a mistake.
Fault check_allow(const Place& place, const Service& service) {
    const Family family = service.address.address.family;
    const auto fits = [family](const Prefix& prefix) { return prefix.base.family == family; };
    return service.allow.empty() || std::ranges::any_of(service.allow, fits)
               ? std::nullopt
               : place.key("allow").fault("has no prefix of the service's own family, so nobody could connect");
}

Fault check_count(const Place& place, std::uint32_t value) {
    if (value >= 1 && value <= limits::max_rise_fall) {
        return std::nullopt;
    }
    return place.fault(fmt::format("found {}, expected a whole number from 1 to {}", value, limits::max_rise_fall));
}

Fault check_port(const Place& place, std::optional<std::uint16_t> port) {
    return port == 0 ? place.fault("found 0, expected a port from 1 to 65535") : std::nullopt;
}

// A check needs a port: its own, or one that every backend has.
Fault check_check_port(const Place& place, const Service& service) {
    const auto no_port =
        std::ranges::find(service.backends, 0, [](const Backend& backend) { return backend.address.port; });
    if (service.check.type == CheckType::none || service.check.port || no_port == service.backends.end()) {
        return std::nullopt;
    }
    return place.fault(
        fmt::format("has no port to check: expected check.port, since backend {} has none", no_port->address.text()));
}

Fault check_check(const Place& service_place, const Service& service) {
    const Place place = service_place.key("check");
    const Check& check = service.check;
    return first_of([&] { return check_port(place.key("port"), check.port); },
                    [&] { return check_duration(place.key("interval"), check.interval, limits::min_interval); },
                    [&] { return check_duration(place.key("timeout"), check.timeout, limits::min_check_timeout); },
                    [&] { return check_count(place.key("rise"), check.rise); },
                    [&] { return check_count(place.key("fall"), check.fall); },
                    [&] { return check_check_port(place, service); });
}

Fault check_backend(const Place& place, const Service& service, const Backend& backend, const Names& names) {
    const Place at_address = place.key("address");
    const Address& address = backend.address.address;
    if (auto fault = check_unicast(at_address, address)) {
        return fault;
    }
    if (address.family != service.address.address.family) {
        return at_address.unfit(backend.address.text(), "an address of the service's own family");
    }
    if (backend.address.port == 0 && service.address.ports.single()) {
        return at_address.unfit(backend.address.text(),
                                fmt::format("ADDRESS:PORT, such as {}:{} (a backend without a port is "
                                            "for services on several ports)",
                                            address.text(), service.address.ports.first));
    }
    if (backend.weight > limits::max_weight) {
        return place.key("weight").fault(
            fmt::format("found {}, expected a whole number from 0 to {}", backend.weight, limits::max_weight));
    }
    return check_not_proxy(at_address, address, names, "a backend");
}

Fault check_backends(const Place& place, const Service& service, const Names& names) {
    const auto& backends = service.backends;
    if (backends.size() > limits::max_backends_per_service) {
        return place.key("backend").fault(fmt::format("found {} backends, expected at most {} in a service",
                                                      backends.size(), limits::max_backends_per_service));
    }
    std::set<SocketAddress> seen;
    for (std::size_t i = 0; i < backends.size(); ++i) {
        const std::string label = backends[i].address.text();
        const Place here = place.element("backend", "backend", i, label);
        if (auto fault = check_backend(here, service, backends[i], names)) {
            return fault;
        }
        if (!seen.insert(backends[i].address).second) {
            return here.key("address").unfit(label, "each backend once in a service");
        }
    }
    return std::nullopt;
}

Fault check_service(const Service& service, std::size_t index, const Names& names) {
    const Place place = place_of(service, index);
    return first_of(
        [&] { return check_name(place.key("name"), service.name); },
        [&] { return check_service_address(place, service, names); },
        [&] { return check_pool_of(place, service, names); }, [&] { return check_affinity(place, service.affinity); },
        [&] { return check_idle(place, service.idle_timeout); }, [&] { return check_allow(place, service); },
        [&] { return check_check(place, service); }, [&] { return check_backends(place, service, names); });
}

Fault overlap_fault(const std::vector<Service>& services, std::size_t one, std::size_t other) {
    const auto [earlier, later] = std::minmax(one, other);
    return place_of(services[later], later)
        .key("address")
        .unfit(services[later].address.text(), fmt::format("an address of its own: service[{}] has {}",
                                                           services[earlier].name, services[earlier].address.text()));
}

// Sorted by protocol, address and ports, an overlap is between a service and the one before it that reaches furthest.
Fault check_overlaps(const std::vector<Service>& services) {
    std::vector<std::size_t> order(services.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        order[i] = i;
    }
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair{services[i].address, i}; });
    for (std::size_t i = 1, furthest = 0; i < order.size(); ++i) {
        const ServiceAddress& before = services[order[furthest]].address;
        const ServiceAddress& here = services[order[i]].address;
        if (before.overlaps(here)) {
            return overlap_fault(services, order[furthest], order[i]);
        }
        furthest = i; // nothing overlapped so far, so this one reaches furthest
    }
    return std::nullopt;
}

Fault check_totals(const std::vector<Service>& services) {
    if (services.size() > limits::max_services) {
        return Place{}.key("service").fault(
            fmt::format("found {} services, expected at most {}", services.size(), limits::max_services));
    }
    std::size_t backends = 0;
    std::size_t allowed = 0;
    for (std::size_t i = 0; i < services.size(); ++i) {
        backends += services[i].backends.size();
        allowed += services[i].allow.size();
        if (allowed > limits::max_allow) {
            return place_of(services[i], i)
                .key("allow")
                .fault(fmt::format("makes more than {} prefixes in all, expected at most so many", limits::max_allow));
        }
        if (backends > limits::max_backends) {
            return place_of(services[i], i)
                .key("backend")
                .fault(
                    fmt::format("makes more than {} backends in all, expected at most so many", limits::max_backends));
        }
    }
    return std::nullopt;
}

std::size_t sources_of(const Service& service, const Names& names) {
    const auto pool = names.pools.find(service.pool);
    if (service.snat == Snat::never || pool == names.pools.end()) {
        return 0;
    }
    return service.backends.size() * pool->second->address_count(service.address.address.family);
}

// What the data plane's tables hold of all services together.
Fault check_table_space(const std::vector<Service>& services, const Names& names) {
    std::size_t ports = 0;
    std::size_t sources = 0;
    for (std::size_t i = 0; i < services.size(); ++i) {
        const PortRange& range = services[i].address.ports;
        ports += range.last - range.first + 1U;
        sources += sources_of(services[i], names);
        if (ports > limits::max_service_ports) {
            return place_of(services[i], i)
                .key("address")
                .fault(fmt::format(
                    "makes more than {} ports of services in all, expected at most so many, or * for every port",
                    limits::max_service_ports));
        }
        if (sources > limits::max_sources) {
            return place_of(services[i], i)
                .key("pool")
                .fault(
                    fmt::format("makes more than {} pairs of a backend and a Proxy IP in all, expected at most so many",
                                limits::max_sources));
        }
    }
    return std::nullopt;
}

} // namespace

Fault check_services(const Config& config, const ProxyAddresses& proxies) {
    if (auto fault = check_totals(config.services)) {
        return fault;
    }
    Names names{.pools = {}, .in_order = config.pools, .proxies = proxies};
    for (const ProxyPool& pool : config.pools) {
        names.pools.emplace(pool.name, &pool);
    }
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < config.services.size(); ++i) {
        const Service& service = config.services[i];
        if (auto fault = check_service(service, i, names)) {
            return fault;
        }
        if (!seen.insert(service.name).second) {
            return place_of(service, i).key("name").unfit(service.name, "a name that no other service has");
        }
    }
    return first_of([&] { return check_overlaps(config.services); },
                    [&] { return check_table_space(config.services, names); });
}

} // namespace proxip::validation
