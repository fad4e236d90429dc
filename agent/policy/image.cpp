#include "policy/image.hpp"

#include <iterator>

#include <fmt/format.h>

#include "policy/idle.hpp"

namespace proxip::policy {

namespace {

std::uint32_t mixed(std::uint32_t seed, std::uint32_t a, std::uint32_t b) {
    std::uint64_t x = (std::uint64_t{seed} << 32 ^ std::uint64_t{a} << 16 ^ b) * 0x9e3779b97f4a7c15ULL;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9ULL;
    return static_cast<std::uint32_t>(x >> 32);
}

std::uint8_t abi_scheduler_of(Scheduler scheduler) {
    switch (scheduler) {
    case Scheduler::maglev: return abi::ABI_MAGLEV;
    case Scheduler::round_robin: return abi::ABI_ROUND_ROBIN;
    case Scheduler::source_hash: return abi::ABI_SOURCE_HASH;
    case Scheduler::least_connections: return abi::ABI_LEAST_CONNECTIONS;
    }
    return abi::ABI_MAGLEV;
}

std::uint8_t abi_snat_of(Snat snat) {
    switch (snat) {
    case Snat::always: return abi::ABI_SNAT_MODE_ALWAYS;
    case Snat::automatic: return abi::ABI_SNAT_MODE_AUTO;
    case Snat::never: return abi::ABI_SNAT_MODE_NEVER;
    }
    return abi::ABI_SNAT_MODE_ALWAYS;
}

class Compiler {
  public:
    Compiler(const Config& config, const Rotations& rotations, Schedules& schedules, Identities& ids,
             std::uint32_t seed)
        : config_(config), rotations_(rotations), schedules_(schedules), ids_(ids), seed_(seed) {}

    Result<Image> run() {
        for (const Service& service : config_.services) {
            if (auto done = add(service); !done) {
                return std::unexpected(std::move(done.error()).within(fmt::format("service[{}]", service.name)));
            }
        }
        if (image_.backends.size() > abi::ABI_MAX_BACKENDS || image_.sources.size() > abi::ABI_MAX_SOURCES ||
            image_.matches.size() * 2 > abi::ABI_MAX_MATCHES) {
            return fail(
                ErrorCode::refused,
                fmt::format("{} backends, {} (backend, Proxy IP) pairs and {} (VIP, port) pairs; expected at most "
                            "{}, {} and {}",
                            image_.backends.size(), image_.sources.size(), image_.matches.size(),
                            int{abi::ABI_MAX_BACKENDS}, int{abi::ABI_MAX_SOURCES}, abi::ABI_MAX_MATCHES / 2));
        }
        if (auto placed = place_rings(); !placed) {
            return std::unexpected(placed.error());
        }
        return std::move(image_);
    }

  private:
    Result<void> add(const Service& service) {
        auto id = ids_.services.obtain(service.address);
        if (!id) {
            return std::unexpected(id.error());
        }
        image_.named.services.insert(*id);
        const Rotation rotation = rotations_(service);
        const auto& table = schedules_.of(service, rotation);
        Image::Service out{.id = *id};
        out.vip = {.address = to_abi(service.address.address),
                   .first_port = service.address.ports.first,
                   .last_port = service.address.ports.last,
                   .protocol = to_abi(service.address.protocol),
                   .family = to_abi(service.address.address.family),
                   .used = 1,
                   .pad0 = 0,
                   .pad1 = 0};
        out.entry.lookup_first = static_cast<std::uint32_t>(image_.lookup.size());
        out.entry.lookup_count = static_cast<std::uint32_t>(table.size());
        out.entry.backend_first = static_cast<std::uint32_t>(image_.backends.size());
        out.entry.backend_count = static_cast<std::uint32_t>(service.backends.size());
        out.entry.scheduler = abi_scheduler_of(service.scheduler);
        out.entry.snat = abi_snat_of(service.snat);
        out.entry.flags =
            static_cast<std::uint8_t>((service.on_failure == OnFailure::reset ? abi::ABI_SERVICE_RESET : 0) |
                                      (service.allow.empty() ? 0 : abi::ABI_SERVICE_ALLOW));
        out.entry.affinity = service.affinity == Millis{0} ? 0 : to_ticks(service.affinity);
        set_idle_timeouts(service, out.entry);
        out.entry.max_connections = service.max_connections;
        out.entry.max_per_client = service.max_connections_per_client;
        if (const ProxyPool* pool = config_.pool(service.pool); pool != nullptr && service.snat != Snat::never) {
            out.entry.max_client_ports = pool->max_ports_per_client;
        }
        image_.services.push_back(out);
        image_.lookup.insert(image_.lookup.end(), table.begin(), table.end());
        add_matches(service, *id);
        add_allowed(service, *id);
        for (std::size_t i = 0; i < service.backends.size(); ++i) {
            const Backend& backend = service.backends[i];
            if (auto done = add(service, *id, backend, rotation.shares.at(i)); !done) {
                return std::unexpected(
                    std::move(done.error()).within(fmt::format("backend[{}]", backend.address.text())));
            }
        }
        return {};
    }

    void add_matches(const Service& service, Id id) {
        abi::abi_match match{.address = to_abi(service.address.address),
                             .port = 0,
                             .protocol = to_abi(service.address.protocol),
                             .family = to_abi(service.address.address.family),
                             .half = 0};
        const PortRange ports = service.address.ports;
        for (std::uint32_t port = ports.first; port <= ports.last; ++port) {
            match.port = static_cast<std::uint16_t>(port);
            image_.matches.emplace_back(match, id);
        }
    }

    void add_allowed(const Service& service, Id id) {
        for (const Prefix& prefix : service.allow) {
            if (prefix.base.family == service.address.address.family) {
                image_.allowed.push_back(
                    {.prefix_bits = 32U + prefix.length, .service = id, .address = to_abi(prefix.base)});
            }
        }
    }

    Result<void> add(const Service& service, Id service_id, const Backend& backend, const Share& share) {
        auto endpoint = ids_.endpoints.obtain({.protocol = service.address.protocol, .address = backend.address});
        if (!endpoint) {
            return std::unexpected(endpoint.error());
        }
        if (image_.named.endpoints.insert(*endpoint).second) {
            abi::abi_endpoint entry{};
            entry.address = to_abi(backend.address.address);
            entry.port_be = swap_port(backend.address.port);
            entry.protocol = to_abi(service.address.protocol);
            entry.family = to_abi(backend.address.address.family);
            entry.used = 1;
            image_.endpoints.emplace_back(*endpoint, entry);
        }
        auto binding = ids_.bindings.obtain({.service = service_id, .endpoint = *endpoint});
        if (!binding) {
            return std::unexpected(binding.error());
        }
        image_.named.bindings.insert(*binding);
        const std::uint32_t flags = share.dead ? abi::ABI_BINDING_DOWN : 0;
        image_.bindings.emplace_back(
            *binding, abi::abi_binding{.service = service_id, .endpoint = *endpoint, .used = 1, .flags = flags});
        abi::abi_backend entry{.binding = *binding,
                               .endpoint = *endpoint,
                               .source_first = 0,
                               .source_count = 0,
                               .weight = share.weight,
                               .max_connections = backend.max_connections,
                               .pad0 = 0};
        if (service.snat != Snat::never) {
            auto sources = sources_of(service.pool, backend.address.address.family, *endpoint);
            if (!sources) {
                return std::unexpected(sources.error());
            }
            entry.source_first = sources->first;
            entry.source_count = sources->second;
        }
        image_.backends.push_back(entry);
        return {};
    }

    // The pool's Proxy IPs towards one endpoint, shared by every service that uses both. An endpoint has one family,
    // and so have they.
    Result<std::pair<std::uint32_t, std::uint32_t>> sources_of(const std::string& pool_name, Family family,
                                                               Id endpoint) {
        const auto key = std::pair(pool_name, endpoint);
        if (auto known = sources_.find(key); known != sources_.end()) {
            return known->second;
        }
        const ProxyPool* pool = config_.pool(pool_name);
        if (pool == nullptr) {
            return fail(ErrorCode::invalid, fmt::format("no proxy_pool is named \"{}\"", pool_name), "pool");
        }
        const auto first = static_cast<std::uint32_t>(image_.sources.size());
        const auto segments = pool->port_segments();
        for (const Address& address : pool->each_address(family)) {
            auto ring = ring_of(address, endpoint, segments, pool->port_count());
            if (!ring) {
                return std::unexpected(ring.error());
            }
            image_.sources.push_back(*ring);
        }
        const auto out = std::pair(first, static_cast<std::uint32_t>(image_.sources.size()) - first);
        sources_.emplace(key, out);
        return out;
    }

    Result<abi::abi_source> ring_of(const Address& address, Id endpoint, const std::vector<PortRange>& segments,
                                    std::uint32_t count) {
        auto proxy = ids_.proxies.obtain(address);
        if (!proxy) {
            return std::unexpected(proxy.error());
        }
        if (image_.named.proxies.insert(*proxy).second) {
            image_.proxies.emplace_back(*proxy, abi::abi_proxy{.address = to_abi(address),
                                                               .family = to_abi(address.family),
                                                               .used = 1,
                                                               .pad0 = 0,
                                                               .pad1 = 0,
                                                               .pad2 = 0});
        }
        Image::Ring ring;
        auto id = ids_.rings.obtain({.proxy = *proxy, .endpoint = endpoint, .segments = segments}, &ring.fresh);
        if (!id) {
            return std::unexpected(id.error());
        }
        ring.id = *id;
        ring.entry.count = count;
        ring.entry.seed = mixed(seed_, *proxy, endpoint);
        ring.entry.proxy = *proxy;
        ring.entry.endpoint = endpoint;
        ring.entry.used = 1;
        ring.entry.segments = static_cast<std::uint8_t>(segments.size());
        for (std::size_t i = 0; i < segments.size(); ++i) {
            ring.entry.segment[i] = {.first = segments[i].first,
                                     .count_minus_one =
                                         static_cast<std::uint16_t>(segments[i].last - segments[i].first)};
        }
        image_.named.rings.insert(*id);
        image_.rings.push_back(ring);
        return abi::abi_source{.proxy = *proxy, .ring = *id};
    }

    Result<void> place_rings() {
        std::vector<std::uint32_t> counts;
        for (const Image::Ring& ring : image_.rings) {
            if (ring.fresh) {
                counts.push_back(ring.entry.count);
            }
        }
        image_.first_new_chunk = static_cast<std::uint32_t>(ids_.memory.chunks());
        auto placement = ids_.memory.place(counts);
        if (!placement) {
            return std::unexpected(placement.error());
        }
        if (placement->new_chunk_slabs > 0) {
            image_.new_chunks.push_back(placement->new_chunk_slabs);
        }
        auto next = placement->places.begin();
        for (Image::Ring& ring : image_.rings) {
            if (ring.fresh) {
                ids_.ring_places[ring.id] = *next++;
            }
            const RingPlace& place = ids_.ring_places.at(ring.id);
            ring.entry.chunk = place.chunk;
            ring.entry.slab = place.slab;
            ring.entry.base = place.base;
        }
        return {};
    }

    const Config& config_;
    const Rotations& rotations_;
    Schedules& schedules_;
    Identities& ids_;
    std::uint32_t seed_;
    Image image_;
    std::map<std::pair<std::string, Id>, std::pair<std::uint32_t, std::uint32_t>> sources_;
};

} // namespace

Result<Image> compile(const Config& config, const Rotations& rotations, Schedules& schedules, Identities& ids,
                      std::uint32_t seed) {
    return Compiler(config, rotations, schedules, ids, seed).run();
}

Result<Image> compile(const Config& config, const Available& available, Identities& ids, std::uint32_t seed,
                      const Down& down) {
    Schedules schedules;
    return compile(config, rotations_of(available, down), schedules, ids, seed);
}

} // namespace proxip::policy
