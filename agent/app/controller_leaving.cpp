// What was removed from the configuration, and connections still name.

#include <algorithm>

#include "app/controller.hpp"

namespace proxip::app {

namespace {

// No packet that began under the former configuration is still on its way after this long.
constexpr std::chrono::seconds id_rest{1};

} // namespace

// Ids that neither the configuration nor a connection names can be given to something else.
bool Controller::collect_ids() {
    // Before this agent's first install, what runs names ids that no configuration here does yet.
    if (!installed_at_ || std::chrono::steady_clock::now() - *installed_at_ < id_rest) {
        return false;
    }
    const bool any_unnamed =
        ids_.services.all().size() > named_.services.size() || ids_.endpoints.all().size() > named_.endpoints.size() ||
        ids_.bindings.all().size() > named_.bindings.size() || ids_.proxies.all().size() > named_.proxies.size() ||
        ids_.rings.all().size() > named_.rings.size();
    if (!any_unnamed) {
        return false;
    }
    const auto freed = policy::collect(ids_, named_, parts_.dataplane.open_references());
    parts_.dataplane.clear(freed);
    std::erase_if(former_names_, [&](const auto& former) { return !ids_.services.find(former.first); });
    return !(freed.services.empty() && freed.endpoints.empty() && freed.bindings.empty() && freed.proxies.empty() &&
             freed.rings.empty());
}

void Controller::tick() {
    end_trial_if_due();
    const auto begin = std::chrono::steady_clock::now();
    if (begin < next_collection_) {
        return;
    }
    if (collect_ids()) {
        parts_.neighbourhood.follow(running_, ids_, false);
    }
    // It reads every connection: no more than one part in a hundred of the time goes into it.
    const auto end = std::chrono::steady_clock::now();
    next_collection_ = end + 100 * (end - begin);
}

std::map<ServiceAddress, std::string> Controller::former_names_after(const Config& config) const {
    auto names = former_names_;
    for (const Service& service : running_.services) {
        names.insert_or_assign(service.address, service.name);
    }
    for (const Service& service : config.services) {
        names.erase(service.address);
    }
    return names;
}

std::string Controller::service_name(const ServiceAddress& address) const {
    const auto runs = std::ranges::find(running_.services, address, &Service::address);
    if (runs != running_.services.end()) {
        return runs->name;
    }
    const auto former = former_names_.find(address);
    return former == former_names_.end() ? address.text() : former->second;
}

std::map<policy::Id, std::string> Controller::service_names() const {
    std::map<ServiceAddress, std::string> running;
    for (const Service& service : running_.services) {
        running.emplace(service.address, service.name);
    }
    std::map<policy::Id, std::string> out;
    for (const auto& [address, id] : ids_.services.all()) {
        const auto runs = running.find(address);
        out.emplace(id, runs == running.end() ? service_name(address) : runs->second);
    }
    return out;
}

bool Controller::knows_service(const std::string& name) const {
    return running_.service(name) != nullptr ||
           std::ranges::any_of(former_names_, [&](const auto& former) { return former.second == name; });
}

std::vector<Controller::Leaving> Controller::leaving() const {
    std::vector<Leaving> out;
    if (ids_.bindings.all().size() == named_.bindings.size()) {
        return out;
    }
    std::map<policy::Id, const ServiceAddress*> services;
    for (const auto& [address, id] : ids_.services.all()) {
        services.emplace(id, &address);
    }
    std::map<policy::Id, const policy::EndpointKey*> endpoints;
    for (const auto& [key, id] : ids_.endpoints.all()) {
        endpoints.emplace(id, &key);
    }
    for (const auto& [key, id] : ids_.bindings.all()) {
        const auto service = services.find(key.service);
        const auto endpoint = endpoints.find(key.endpoint);
        if (!named_.bindings.contains(id) && service != services.end() && endpoint != endpoints.end()) {
            out.push_back({.service = service_name(*service->second), .endpoint = *endpoint->second, .binding = id});
        }
    }
    return out;
}

} // namespace proxip::app
