#include "app/overlay.hpp"

#include <set>

#include <fmt/format.h>

#include "model/codec.hpp"

namespace proxip::app {

Overlay::Overlay(const std::vector<store::Overlay>& saved) {
    for (const store::Overlay& entry : saved) {
        entries_[{entry.service, entry.backend}] = entry.admin;
    }
}

void Overlay::set(const std::string& service, const SocketAddress& backend, Admin admin) {
    entries_[{service, backend}] = admin;
}

Overlay Overlay::kept_for(const Config& config) const {
    Overlay out;
    for (const auto& [key, admin] : entries_) {
        const Service* service = config.service(key.first);
        const Backend* backend = service == nullptr ? nullptr : service->find(key.second);
        if (backend != nullptr && (admin != Admin::enabled || backend->enabled)) {
            out.entries_.emplace(key, admin);
        }
    }
    return out;
}

Overlay Overlay::after_apply(const Config& file) const {
    Overlay out;
    for (const auto& [key, admin] : kept_for(file).entries_) {
        if (!file.service(key.first)->find(key.second)->enabled) {
            out.entries_.emplace(key, admin);
        }
    }
    return out;
}

std::vector<Change> Overlay::changes_to(const Overlay& other, const Config& before, const Config& after) const {
    std::set<Key> keys;
    for (const auto* entries : {&entries_, &other.entries_}) {
        for (const auto& [key, admin] : *entries) {
            keys.insert(key);
        }
    }
    std::vector<Change> out;
    for (const Key& key : keys) {
        const Service* from = before.service(key.first);
        const Service* to = after.service(key.first);
        const Backend* was = from == nullptr ? nullptr : from->find(key.second);
        const Backend* is = to == nullptr ? nullptr : to->find(key.second);
        if (was == nullptr || is == nullptr || admin(*from, *was) == other.admin(*to, *is)) {
            continue;
        }
        out.push_back({.action = "change",
                       .path = fmt::format("service[{}].backend[{}].admin", key.first, key.second.text()),
                       .from = std::string(enum_name(admin(*from, *was))),
                       .to = std::string(enum_name(other.admin(*to, *is)))});
    }
    return out;
}

Admin Overlay::admin(const Service& service, const Backend& backend) const {
    if (auto entry = entries_.find({service.name, backend.address}); entry != entries_.end()) {
        return entry->second;
    }
    return backend.enabled.value_or(true) ? Admin::enabled : Admin::disabled;
}

std::vector<store::Overlay> Overlay::saved() const {
    std::vector<store::Overlay> out;
    for (const auto& [key, admin] : entries_) {
        out.push_back({.service = key.first, .backend = key.second, .admin = admin});
    }
    return out;
}

} // namespace proxip::app
