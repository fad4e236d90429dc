#include "api/patch.hpp"

#include <utility>

namespace proxip::api {
namespace {

template <typename T>
void set(T& field, const std::optional<T>& value) {
    if (value) {
        field = *value;
    }
}
template <typename T>
void set(std::optional<T>& field, const std::optional<T>& value) {
    if (value) {
        field = value;
    }
}

void put(Check& check, const CheckPatch& patch) {
    set(check.type, patch.type);
    set(check.port, patch.port);
    set(check.interval, patch.interval);
    set(check.timeout, patch.timeout);
    set(check.rise, patch.rise);
    set(check.fall, patch.fall);
}

void put(IdleTimeouts& idle, const IdlePatch& patch) {
    set(idle.syn, patch.syn);
    set(idle.established, patch.established);
    set(idle.closing, patch.closing);
    set(idle.closed, patch.closed);
    set(idle.udp, patch.udp);
}

} // namespace

Service patched(Service service, const ServicePatch& patch) {
    set(service.scheduler, patch.scheduler);
    set(service.snat, patch.snat);
    set(service.pool, patch.pool);
    set(service.affinity, patch.affinity);
    set(service.on_idle, patch.on_idle);
    set(service.on_failure, patch.on_failure);
    set(service.max_connections, patch.max_connections);
    set(service.max_connections_per_client, patch.max_connections_per_client);
    set(service.allow, patch.allow);
    put(service.check, patch.check);
    put(service.idle_timeout, patch.idle_timeout);
    return service;
}

Backend patched(Backend backend, const BackendPatch& patch) {
    set(backend.weight, patch.weight);
    set(backend.backup, patch.backup);
    set(backend.max_connections, patch.max_connections);
    return backend;
}

} // namespace proxip::api
