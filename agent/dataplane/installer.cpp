#include "dataplane/installer.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <tuple>

#include <bpf/bpf.h>

#include "policy/idle.hpp"

namespace proxip::dataplane {

namespace {

constexpr std::size_t min_lookup_blocks = 64;

Result<Descriptor> make_lookup_map(std::size_t blocks) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP | BPF_F_MMAPABLE);
    Descriptor map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "lookup_table", sizeof(std::uint32_t),
                                  sizeof(abi::abi_lookup_block), static_cast<std::uint32_t>(blocks), &options));
    if (!map) {
        return fail_errno("cannot make a table of schedules", errno);
    }
    return map;
}

// Packets read these entries: one that is right already is not touched. One that an install left behind which failed
// later may be another's, and is in no half.
template <typename T>
void write_if_other(T& entry, const T& wanted) {
    if (std::memcmp(&entry, &wanted, sizeof wanted) != 0) {
        entry = wanted;
    }
}

// Of a service that was removed, in a table that is new (pins.hpp): what its timeouts were is not known.
void fill_timeouts(abi::abi_service& service) {
    if (service.idle[abi::ABI_ESTABLISHED] == 0) {
        policy::set_idle_timeouts(Service{}, service);
    }
}

} // namespace

std::uint32_t Installer::idle_half() const {
    return static_cast<std::uint32_t>((tables_->control[0].epoch & 1) ^ 1);
}

Result<void> Installer::install(const policy::Image& image, std::uint64_t generation) {
    const std::uint32_t half = idle_half();
    if (auto done = add_chunks(image); !done) {
        return done;
    }
    write_identities(image);
    if (auto done = write_rings(image); !done) {
        return done;
    }
    if (auto done = wait_for_readers(half, image.lookup.size()); !done) {
        return done;
    }
    write_half(image, half);
    if (auto done = write_keyed(image, half); !done) {
        return done;
    }
    // A backend is never chosen while it is marked as down: what it was given would be taken from it at once.
    mark_down(image, false);
    flip(generation, half);
    mark_down(image, true);
    return {};
}

// The plan numbers a new chunk after those it got; one that a failed install left behind is replaced.
void Installer::mark_down(const policy::Image& image, bool down) {
    for (const auto& [id, binding] : image.bindings) {
        if (((binding.flags & abi::ABI_BINDING_DOWN) != 0) == down) {
            std::atomic_ref(tables_->bindings[id].flags).store(binding.flags);
        }
    }
}

Result<void> Installer::add_chunks(const policy::Image& image) {
    std::uint32_t next = image.first_new_chunk;
    for (const std::uint32_t slabs : image.new_chunks) {
        if (auto added = chunks_.add(next, slabs); !added) {
            return added;
        }
        ++next;
    }
    return {};
}

void Installer::write_identities(const policy::Image& image) {
    for (const auto& service : image.services) {
        write_if_other(tables_->vips[service.id], service.vip);
    }
    for (const auto& [id, endpoint] : image.endpoints) {
        auto& entry = tables_->endpoints[id];
        auto wanted = endpoint; // its path may have been set already: that is not the image's
        std::tie(wanted.hop, wanted.flags, wanted.inline_prefix) =
            std::tuple(entry.hop, entry.flags, entry.inline_prefix);
        write_if_other(entry, wanted);
    }
    for (const auto& [id, proxy] : image.proxies) {
        write_if_other(tables_->proxies[id], proxy);
    }
    for (const auto& [id, binding] : image.bindings) {
        auto& entry = tables_->bindings[id];
        auto wanted = binding;
        wanted.flags = entry.used != 0 ? entry.flags : 0; // mark_down()'s
        write_if_other(entry, wanted);
    }
}

Result<void> Installer::write_rings(const policy::Image& image) {
    for (const auto& ring : image.rings) {
        if (ring.fresh && bpf_map_update_elem(tables_->rings, &ring.id, &ring.entry, BPF_ANY) != 0) {
            return fail_errno("cannot write a ring of proxy ports", errno);
        }
    }
    return {};
}

// A packet that began with the half's last use may still read it. Linking a map into a map of maps waits until every
// program that runs now has ended (maybe_wait_bpf_programs), which is just the wait that is needed.
Result<void> Installer::wait_for_readers(std::uint32_t half, std::size_t lookup_entries) {
    Half& h = halves_[half];
    const std::size_t blocks = (lookup_entries + abi::ABI_LOOKUP_BLOCK - 1) / abi::ABI_LOOKUP_BLOCK;
    if (h.lookup.size() < std::max(blocks, min_lookup_blocks)) {
        const std::size_t room = std::max({blocks + blocks / 2, min_lookup_blocks});
        auto map = make_lookup_map(room);
        if (!map) {
            return std::unexpected(map.error());
        }
        auto mapped = MappedArray<abi::abi_lookup_block>::map(map->get(), room);
        if (!mapped) {
            return std::unexpected(mapped.error());
        }
        h.lookup_map = std::move(*map);
        h.lookup = std::move(*mapped);
    }
    const int fd = h.lookup_map.get();
    if (bpf_map_update_elem(tables_->lookup, &half, &fd, BPF_ANY) != 0) {
        return fail_errno("cannot link a table of schedules", errno);
    }
    return {};
}

void Installer::write_half(const policy::Image& image, std::uint32_t half) {
    const std::size_t services = half * std::size_t{abi::ABI_MAX_SERVICES};
    const std::size_t other = (half ^ 1) * std::size_t{abi::ABI_MAX_SERVICES};
    // Services that were removed keep the timeouts of the connections that they still have, but get no backend.
    for (std::size_t id = 0; id < abi::ABI_MAX_SERVICES; ++id) {
        if (tables_->vips[id].used != 0) {
            tables_->services[services + id] = tables_->services[other + id];
            tables_->services[services + id].lookup_count = 0;
            fill_timeouts(tables_->services[services + id]);
        }
    }
    for (const auto& service : image.services) {
        tables_->services[services + service.id] = service.entry;
    }
    const std::size_t backends = half * std::size_t{abi::ABI_MAX_BACKENDS};
    for (std::size_t i = 0; i < image.backends.size(); ++i) {
        tables_->backends[backends + i] = image.backends[i];
    }
    const std::size_t sources = half * std::size_t{abi::ABI_MAX_SOURCES};
    for (std::size_t i = 0; i < image.sources.size(); ++i) {
        tables_->sources[sources + i] = image.sources[i];
    }
    for (std::size_t i = 0; i < image.lookup.size(); ++i) {
        halves_[half].lookup[i / abi::ABI_LOOKUP_BLOCK].backend[i % abi::ABI_LOOKUP_BLOCK] = image.lookup[i];
    }
}

Result<void> Installer::write_keyed(const policy::Image& image, std::uint32_t half) {
    decltype(matches_)::Wanted matches;
    for (auto [match, id] : image.matches) {
        match.half = half;
        matches.emplace_back(match, id);
    }
    decltype(allowed_)::Wanted allowed;
    for (auto prefix : image.allowed) {
        const policy::Id id = prefix.service;
        prefix.service += half * std::uint32_t{abi::ABI_MAX_SERVICES};
        allowed.emplace_back(prefix, id);
    }
    if (auto done = matches_.write(tables_->match, half, matches); !done) {
        return done;
    }
    return allowed_.write(tables_->allowed, half, allowed);
}

void Installer::flip(std::uint64_t generation, std::uint32_t half) {
    auto& control = tables_->control[0];
    control.generation[half] = generation;
    std::atomic_ref(control.epoch).fetch_add(1, std::memory_order_seq_cst);
}

void Installer::clear(const policy::References& freed) {
    for (const policy::Id id : freed.services) {
        tables_->vips[id] = {};
    }
    for (const policy::Id id : freed.endpoints) {
        tables_->endpoints[id] = {};
    }
    for (const policy::Id id : freed.proxies) {
        tables_->proxies[id] = {};
    }
    const std::vector<abi::abi_binding_stats> none(tables_->cpus);
    for (const policy::Id id : freed.bindings) {
        tables_->bindings[id] = {};
        tables_->binding_live[id] = {};
        (void)bpf_map_update_elem(tables_->binding_stats, &id, none.data(), BPF_ANY);
    }
    const abi::abi_ring empty{};
    for (const policy::Id id : freed.rings) {
        (void)bpf_map_update_elem(tables_->rings, &id, &empty, BPF_ANY);
    }
}

// ---- adoption
// ---------------------------------------------------------------------------------------------------------

// The tables of schedules are left: an install makes new ones, and without CAP_SYS_ADMIN they cannot be opened by their
// id.
void Installer::adopt() {
    matches_.adopt(tables_->match, [](const abi::abi_match& key) { return key.half; });
    allowed_.adopt(tables_->allowed, [](const abi::abi_allowed& key) { return key.service / abi::ABI_MAX_SERVICES; });
}

Result<policy::Identities> Installer::identities() const {
    policy::Identities ids;
    for (policy::Id id = 0; id < abi::ABI_MAX_SERVICES; ++id) {
        if (const auto& vip = tables_->vips[id]; vip.used != 0) {
            ids.services.adopt({.protocol = policy::protocol_from_abi(vip.protocol),
                                .address = policy::from_abi(vip.address, vip.family),
                                .ports = {vip.first_port, vip.last_port}},
                               id);
        }
    }
    for (policy::Id id = 0; id < abi::ABI_MAX_ENDPOINTS; ++id) {
        if (const auto& endpoint = tables_->endpoints[id]; endpoint.used != 0) {
            ids.endpoints.adopt(
                {.protocol = policy::protocol_from_abi(endpoint.protocol),
                 .address = {policy::from_abi(endpoint.address, endpoint.family), policy::swap_port(endpoint.port_be)}},
                id);
        }
    }
    for (policy::Id id = 0; id < abi::ABI_MAX_PROXIES; ++id) {
        if (const auto& proxy = tables_->proxies[id]; proxy.used != 0) {
            ids.proxies.adopt(policy::from_abi(proxy.address, proxy.family), id);
        }
    }
    for (policy::Id id = 0; id < abi::ABI_MAX_BINDINGS; ++id) {
        if (const auto& binding = tables_->bindings[id]; binding.used != 0) {
            ids.bindings.adopt({.service = binding.service, .endpoint = binding.endpoint}, id);
        }
    }
    const auto chunks = chunks_.sizes();
    if (!chunks) {
        return std::unexpected(chunks.error());
    }
    for (const std::uint32_t slabs : *chunks) {
        ids.memory.add_chunk(slabs);
    }
    if (auto done = adopt_rings(ids); !done) {
        return std::unexpected(done.error());
    }
    return ids;
}

Result<void> Installer::adopt_rings(policy::Identities& ids) const {
    std::vector<std::uint32_t> keys(abi::ABI_MAX_RINGS);
    std::vector<abi::abi_ring> rings(abi::ABI_MAX_RINGS);
    std::uint32_t batch = 0;
    std::uint32_t count = abi::ABI_MAX_RINGS;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    if (bpf_map_lookup_batch(tables_->rings, nullptr, &batch, keys.data(), rings.data(), &count, &options) != 0 &&
        errno != ENOENT) {
        return fail_errno("cannot read the rings of proxy ports", errno);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto& ring = rings[i];
        if (ring.used == 0) {
            continue;
        }
        policy::RingKey key{.proxy = ring.proxy, .endpoint = ring.endpoint, .segments = {}};
        for (std::uint8_t s = 0; s < ring.segments && s < abi::ABI_RING_SEGMENTS; ++s) {
            const auto& segment = ring.segment[s];
            key.segments.push_back(
                {segment.first, static_cast<std::uint16_t>(segment.first + segment.count_minus_one)});
        }
        ids.rings.adopt(key, keys[i]);
        const policy::RingPlace place{.chunk = ring.chunk, .slab = ring.slab, .base = ring.base, .count = ring.count};
        ids.memory.occupy(place);
        ids.ring_places.emplace(keys[i], place);
    }
    return {};
}

} // namespace proxip::dataplane
