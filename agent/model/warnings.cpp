#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "model/codec.hpp"
#include "model/config.hpp"

namespace proxip {

namespace {

bool takes_connections(const Backend& backend) {
    return backend.weight > 0 && backend.enabled.value_or(true);
}

// What is set and does not count, so that nobody believes to be checked as it says.
void warn_of_check(const Service& service, std::vector<std::string>& out) {
    const Check& check = service.check;
    const Check standard;
    const auto warn = [&](std::string_view key, const std::string& why) {
        out.push_back(fmt::format("service[{}].check.{}: {}", service.name, key, why));
    };
    const auto counts_for = [&](std::string_view key, bool set, bool counts, std::string_view types) {
        if (set && !counts) {
            warn(key, fmt::format("counts only where type is {}: it is {}", types, enum_name(check.type)));
        }
    };
    const bool https = check.type == CheckType::https;
    const bool udp = check.type == CheckType::udp;
    counts_for("path", check.path != standard.path, check.is_http(), "http or https");
    counts_for("host", check.host != standard.host, check.is_http(), "http or https");
    counts_for("status", check.status != standard.status, check.is_http(), "http or https");
    counts_for("verify", check.verify, https, "https");
    counts_for("ca_file", !check.ca_file.empty(), https && check.verify, "https and verify is true");
    counts_for("send", !check.send.empty(), udp, "udp");
    counts_for("expect", !check.expect.empty(), udp, "udp");
    if (check.type != CheckType::none && check.timeout > check.interval && check.timeout != standard.timeout) {
        warn("timeout", fmt::format("is longer than the interval: a check is over when the next one is due, after {}",
                                    duration_text(check.interval)));
    }
}

void warn_of_rotation(const Service& service, std::vector<std::string>& out) {
    const auto count = static_cast<std::size_t>(std::ranges::count_if(service.backends, takes_connections));
    if (service.min_up > 0 && service.min_up >= count && service.check.type != CheckType::none) {
        out.push_back(fmt::format("service[{}].min_up: is {}, and {} backend{} can take connections: the checks take "
                                  "none out",
                                  service.name, service.min_up, count, count == 1 ? "" : "s"));
    }
}

void warn_of_service(const Service& service, const std::set<Address>& vips, std::vector<std::string>& out) {
    if (service.backends.empty()) {
        out.push_back(fmt::format("service[{}]: has no backend: every new connection is refused", service.name));
    } else if (std::ranges::none_of(service.backends, takes_connections)) {
        out.push_back(
            fmt::format("service[{}]: every backend has weight 0 or is not enabled: every new connection is refused",
                        service.name));
    }
    warn_of_check(service, out);
    warn_of_rotation(service, out);
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
