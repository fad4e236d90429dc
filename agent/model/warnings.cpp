#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "model/config.hpp"

namespace proxip {

namespace {

bool takes_connections(const Backend& backend) {
    return backend.weight > 0 && backend.enabled.value_or(true);
}

void warn_of_service(const Service& service, const std::set<Address>& vips, std::vector<std::string>& out) {
    if (service.backends.empty()) {
        out.push_back(fmt::format("service[{}]: has no backend: every new connection is refused", service.name));
    } else if (std::ranges::none_of(service.backends, takes_connections)) {
        out.push_back(
            fmt::format("service[{}]: every backend has weight 0 or is not enabled: every new connection is refused",
                        service.name));
    }
    for (const Backend& backend : service.backends) {
        if (vips.contains(backend.address.address)) {
            out.push_back(fmt::format("service[{}].backend[{}]: is a virtual IP of this load balancer, not a server",
                                      service.name, backend.address.text()));
        }
    }
}

} // namespace

std::vector<std::string> warnings(const Config& config) {
    std::vector<std::string> out;
    if (config.agent.interfaces.empty()) {
        out.emplace_back("agent.interfaces: names no interface: no packet is seen");
    }
    std::set<Address> vips;
    for (const Service& service : config.services) {
        vips.insert(service.address.address);
    }
    for (const Service& service : config.services) {
        warn_of_service(service, vips, out);
    }
    return out;
}

} // namespace proxip
