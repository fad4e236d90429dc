#include "app/idle_watch.hpp"

#include <map>

#include "policy/idle.hpp"

namespace proxip::app {

void IdleWatch::tick() {
    std::map<policy::Id, const Service*> telling;
    for (const Service& service : controller_.running().services) {
        if (service.on_idle == OnIdle::reset && service.address.protocol == Protocol::tcp) {
            if (const auto id = controller_.identities().services.find(service.address)) {
                telling.emplace(*id, &service);
            }
        }
    }
    if (telling.empty()) {
        return;
    }
    dataplane_.end_connections([&](const dataplane::Connection& connection) {
        const auto found = telling.find(connection.service);
        if (found == telling.end() || !policy::agent_ends_idle(*found->second, connection.state)) {
            return false;
        }
        const std::chrono::duration<double> idle(connection.idle_seconds);
        return idle > policy::idle_timeout(*found->second, connection.state);
    });
}

} // namespace proxip::app
