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

HealthBook::Entry HealthBook::followed(const Entry* known, const Check& check) {
    Entry entry = known != nullptr ? *known : Entry{};
    const bool checked = check.type != CheckType::none;
    if (known != nullptr && entry.checked != checked) { // it served unchecked, or is to
        entry.hysteresis.adopt_serving();
        entry.went_down.reset();
        entry.last_check.clear();
        entry.times = {};
    }
    entry.checked = checked;
    entry.hysteresis.retune(check.rise, check.fall);
    return entry;
}

void HealthBook::follow(const Config& config) {
    std::map<Key, Entry> kept;
    for (const Service& service : config.services) {
        for (const Backend& backend : service.backends) {
            kept.emplace(Key(service.name, backend.address),
                         followed(find(service.name, backend.address), service.check));
        }
    }
    entries_ = std::move(kept);
}

bool HealthBook::record(const probe::Target& target, const probe::Outcome& outcome, policy::Instant now) {
    auto found = entries_.find({target.service, target.backend});
    if (found == entries_.end() || !found->second.checked) {
        return false;
    }
    Entry& entry = found->second;
    entry.last_check = outcome.detail;
    entry.times.checked = now;
    const policy::Health before = entry.hysteresis.state();
    // A check that this host could not make says nothing of the backend.
    if (!outcome.made || !entry.hysteresis.observe(outcome.success)) {
        return false;
    }
    entry.times.since = now;
    if (outcome.success) {
        entry.joined = before == policy::Health::down ? std::optional(now) : entry.joined;
        entry.went_down.reset();
    } else {
        entry.went_down = now;
    }
    return true;
}

void HealthBook::join(const std::string& service, const SocketAddress& backend, policy::Instant now) {
    if (auto found = entries_.find({service, backend}); found != entries_.end()) {
        found->second.joined = now;
    }
}

void HealthBook::adopt_down(const std::string& service, const SocketAddress& backend) {
    if (auto found = entries_.find({service, backend}); found != entries_.end() && found->second.checked) {
        found->second.hysteresis.adopt(policy::Health::down);
    }
}

void HealthBook::adopt_serving(const std::string& service, const SocketAddress& backend) {
    if (auto found = entries_.find({service, backend}); found != entries_.end()) {
        found->second.hysteresis.adopt_serving();
    }
}

const HealthBook::Entry* HealthBook::find(const std::string& service, const SocketAddress& backend) const {
    auto found = entries_.find({service, backend});
    return found == entries_.end() ? nullptr : &found->second;
}

policy::Health HealthBook::state(const std::string& service, const SocketAddress& backend) const {
    const Entry* entry = find(service, backend);
    return entry == nullptr ? policy::Health::unknown : entry->hysteresis.state();
}

policy::Standing HealthBook::standing(const std::string& service, const SocketAddress& backend) const {
    const Entry* entry = find(service, backend);
    if (entry == nullptr) {
        return {};
    }
    return {.admin = Admin::enabled,
            .health = entry->hysteresis.state(),
            .joined = entry->joined,
            .went_down = entry->went_down};
}

std::string HealthBook::last_check(const std::string& service, const SocketAddress& backend) const {
    const Entry* entry = find(service, backend);
    return entry == nullptr ? std::string() : entry->last_check;
}

HealthBook::Times HealthBook::times(const std::string& service, const SocketAddress& backend) const {
    const Entry* entry = find(service, backend);
    return entry == nullptr ? Times{} : entry->times;
}

} // namespace proxip::app
