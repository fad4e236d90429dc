#include "app/overlay.hpp"

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
        if (service != nullptr && service->find(key.second) != nullptr) {
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
