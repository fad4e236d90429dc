#include "policy/port_arithmetic.hpp"

#include <map>
#include <set>

#include <fmt/format.h>

#include "model/codec.hpp"
#include "policy/identities.hpp"

namespace proxip::policy {

namespace {

using PoolFamily = std::pair<std::string, Family>;

std::map<PoolFamily, std::set<EndpointKey>> endpoints_of_pools(const Config& config) {
    std::map<PoolFamily, std::set<EndpointKey>> out;
    for (const Service& service : config.services) {
        if (service.snat == Snat::never) {
            continue;
        }
        for (const Backend& backend : service.backends) {
            out[{service.pool, backend.address.address.family}].insert(
                {.protocol = service.address.protocol, .address = backend.address});
        }
    }
    return out;
}

} // namespace

PortArithmetic port_arithmetic(const Config& config) {
    PortArithmetic out;
    for (const auto& [key, endpoints] : endpoints_of_pools(config)) {
        const auto& [name, family] = key;
        out.endpoints += endpoints.size();
        if (const ProxyPool* pool = config.pool(name)) {
            PortArithmetic::Pool row{.name = name,
                                     .ports = pool->port_count(),
                                     .addresses = pool->address_count(family),
                                     .endpoints = endpoints.size()};
            row.bytes = 2 * row.ports * row.addresses * row.endpoints;
            out.bytes += row.bytes;
            out.pools.push_back(std::move(row));
        }
    }
    return out;
}

Result<PortArithmetic> check_port_memory(const Config& config) {
    PortArithmetic need = port_arithmetic(config);
    if (need.bytes <= config.agent.max_port_memory) {
        return need;
    }
    return fail(ErrorCode::refused,
                fmt::format("the proxy ports need {} (2 bytes x ports x addresses, for {} endpoints); expected at most "
                            "max_port_memory = {}: raise it, or give the pools fewer ports or addresses",
                            bytes_text(need.bytes), need.endpoints, bytes_text(config.agent.max_port_memory)),
                "agent.max_port_memory");
}

} // namespace proxip::policy
