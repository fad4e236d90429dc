#include "app/health_book.hpp"

namespace proxip::app {

std::vector<probe::Target> HealthBook::targets(const Config& config) {
    std::vector<probe::Target> out;
    for (const Service& service : config.services) {
        if (service.check.type != CheckType::none) {
            for (const Backend& backend : service.backends) {
                out.push_back({.service = service.name, .backend = backend.address, .check = service.check});
            }
        }
    }
    return out;
}

void HealthBook::follow(const Config& config) {
    std::map<Key, Entry> kept;
    for (const probe::Target& target : targets(config)) {
        const Key key(target.service, target.backend);
        Entry entry;
        if (auto known = entries_.find(key); known != entries_.end()) {
            entry = known->second;
        }
        entry.hysteresis.retune(target.check.rise, target.check.fall);
        kept.emplace(key, entry);
    }
    entries_ = std::move(kept);
}

bool HealthBook::record(const probe::Target& target, const probe::Outcome& outcome) {
    auto entry = entries_.find({target.service, target.backend});
    if (entry == entries_.end()) {
        return false;
    }
    entry->second.last_check = outcome.detail;
    // A check that this host could not make says nothing of the backend.
    return outcome.made && entry->second.hysteresis.observe(outcome.success).has_value();
}

void HealthBook::adopt_down(const std::string& service, const SocketAddress& backend) {
    if (auto entry = entries_.find({service, backend}); entry != entries_.end()) {
        entry->second.hysteresis.adopt(policy::Health::down);
    }
}

policy::Health HealthBook::state(const std::string& service, const SocketAddress& backend) const {
    auto entry = entries_.find({service, backend});
    return entry == entries_.end() ? policy::Health::unknown : entry->second.hysteresis.state();
}

std::string HealthBook::last_check(const std::string& service, const SocketAddress& backend) const {
    auto entry = entries_.find({service, backend});
    return entry == entries_.end() ? std::string() : entry->second.last_check;
}

} // namespace proxip::app
