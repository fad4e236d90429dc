#include "app/idle_watch.hpp"

#include <map>

#include "policy/idle.hpp"

namespace proxip::app {

namespace {

constexpr int rest = 20; // looking through a large table takes a twentieth of the time at most

} // namespace

void IdleWatch::tick() {
    if (Clock::now() < next_) {
        return;
    }
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
    const auto start = Clock::now();
    dataplane_.end_connections([&](const dataplane::Connection& connection) {
        const auto found = telling.find(connection.service);
        if (found == telling.end() || !policy::agent_ends_idle(*found->second, connection.state)) {
            return false;
        }
        const std::chrono::duration<double> idle(connection.idle_seconds);
        return idle > policy::idle_timeout(*found->second, connection.state);
    });
    next_ = Clock::now() + rest * (Clock::now() - start);
}

} // namespace proxip::app
