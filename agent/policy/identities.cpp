#include "policy/identities.hpp"

#include "policy/abi.hpp"

namespace proxip::policy {

namespace {

template <typename Key>
std::set<Id> collect_table(IdTable<Key>& table, const std::set<Id>& configured, const std::set<Id>& open) {
    std::vector<Key> unused;
    std::set<Id> freed;
    for (const auto& [key, id] : table.all()) {
        if (!configured.contains(id) && !open.contains(id)) {
            unused.push_back(key);
            freed.insert(id);
        }
    }
    for (const Key& key : unused) {
        table.release(key);
    }
    return freed;
}

} // namespace

Identities::Identities()
    : services(abi::ABI_MAX_SERVICES), endpoints(abi::ABI_MAX_ENDPOINTS), proxies(abi::ABI_MAX_PROXIES),
      bindings(abi::ABI_MAX_BINDINGS), rings(abi::ABI_MAX_RINGS) {}

std::optional<Id> Identities::binding(const ServiceAddress& service, const SocketAddress& backend) const {
    const auto service_id = services.find(service);
    const auto endpoint = endpoints.find({.protocol = service.protocol, .address = backend});
    return service_id && endpoint ? bindings.find({.service = *service_id, .endpoint = *endpoint}) : std::nullopt;
}

References collect(Identities& ids, const References& configured, const References& open) {
    References freed;
    freed.rings = collect_table(ids.rings, configured.rings, open.rings);
    for (const Id ring : freed.rings) {
        if (auto place = ids.ring_places.find(ring); place != ids.ring_places.end()) {
            ids.memory.release(place->second);
            ids.ring_places.erase(place);
        }
    }
    freed.bindings = collect_table(ids.bindings, configured.bindings, open.bindings);
    freed.proxies = collect_table(ids.proxies, configured.proxies, open.proxies);
    freed.endpoints = collect_table(ids.endpoints, configured.endpoints, open.endpoints);
    freed.services = collect_table(ids.services, configured.services, open.services);
    return freed;
}

} // namespace proxip::policy
