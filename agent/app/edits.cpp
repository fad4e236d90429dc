#include "app/edits.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/patch.hpp"

namespace proxip::app {

namespace {

Result<Service*> find_service(Config& config, const std::string& name) {
    auto found = std::ranges::find(config.services, name, &Service::name);
    if (found == config.services.end()) {
        return fail(ErrorCode::not_found, fmt::format("there is no service \"{}\"", name));
    }
    return &*found;
}

Result<ProxyPool*> find_pool(Config& config, const std::string& name) {
    auto found = std::ranges::find(config.pools, name, &ProxyPool::name);
    if (found == config.pools.end()) {
        return fail(ErrorCode::not_found, fmt::format("there is no pool \"{}\"", name));
    }
    return &*found;
}

Result<Backend*> find_backend(Service& service, const SocketAddress& address) {
    auto found = std::ranges::find(service.backends, address, &Backend::address);
    if (found == service.backends.end()) {
        return fail(ErrorCode::not_found,
                    fmt::format("service \"{}\" has no backend {}", service.name, address.text()));
    }
    return &*found;
}

} // namespace

Result<Config> edited(Config config, const api::ServiceAdd& request) {
    config.services.push_back(request.service);
    return config;
}

Result<Config> edited(Config config, const api::ServiceSet& request) {
    auto service = find_service(config, request.name);
    if (!service) {
        return std::unexpected(service.error());
    }
    **service = api::patched(**service, request.patch);
    return config;
}

Result<Config> edited(Config config, const api::ServiceDel& request) {
    if (auto service = find_service(config, request.name); !service) {
        return std::unexpected(service.error());
    }
    std::erase_if(config.services, [&](const Service& service) { return service.name == request.name; });
    return config;
}

Result<Config> edited(Config config, const api::BackendAdd& request) {
    auto service = find_service(config, request.service);
    if (!service) {
        return std::unexpected(service.error());
    }
    (*service)->backends.insert((*service)->backends.end(), request.backends.begin(), request.backends.end());
    return config;
}

Result<Config> edited(Config config, const api::BackendSet& request) {
    auto service = find_service(config, request.service);
    if (!service) {
        return std::unexpected(service.error());
    }
    for (const SocketAddress& address : request.addresses) {
        auto backend = find_backend(**service, address);
        if (!backend) {
            return std::unexpected(backend.error());
        }
        **backend = api::patched(**backend, request.patch);
    }
    return config;
}

Result<Config> edited(Config config, const api::BackendDel& request) {
    auto service = find_service(config, request.service);
    if (!service) {
        return std::unexpected(service.error());
    }
    for (const SocketAddress& address : request.addresses) {
        if (auto backend = find_backend(**service, address); !backend) {
            return std::unexpected(backend.error());
        }
        std::erase_if((*service)->backends, [&](const Backend& backend) { return backend.address == address; });
    }
    return config;
}

Result<Config> edited(Config config, const api::PoolAdd& request) {
    config.pools.push_back(request.pool);
    return config;
}

Result<Config> edited(Config config, const api::PoolSet& request) {
    auto pool = find_pool(config, request.name);
    if (!pool) {
        return std::unexpected(pool.error());
    }
    for (const AddressRange& range : request.remove) {
        if (std::erase((*pool)->addresses, range) == 0) {
            return fail(ErrorCode::not_found, fmt::format("pool \"{}\" has no entry {}", request.name, range.text()));
        }
    }
    (*pool)->addresses.insert((*pool)->addresses.end(), request.add.begin(), request.add.end());
    (*pool)->ports = request.ports.value_or((*pool)->ports);
    (*pool)->max_ports_per_client = request.max_ports_per_client.value_or((*pool)->max_ports_per_client);
    return config;
}

Result<Config> edited(Config config, const api::PoolDel& request) {
    if (auto pool = find_pool(config, request.name); !pool) {
        return std::unexpected(pool.error());
    }
    for (const Service& service : config.services) {
        if (service.pool == request.name && service.snat != Snat::never) {
            return fail(ErrorCode::refused,
                        fmt::format("pool \"{}\" is used by service \"{}\"", request.name, service.name));
        }
    }
    std::erase_if(config.pools, [&](const ProxyPool& pool) { return pool.name == request.name; });
    return config;
}

Config without_enabled(Config config, const std::string& service, const std::vector<SocketAddress>& addresses) {
    if (auto found = find_service(config, service)) {
        for (const SocketAddress& address : addresses) {
            if (auto backend = find_backend(**found, address)) {
                (*backend)->enabled.reset();
            }
        }
    }
    return config;
}

Result<void> has_backends(const Config& config, const std::string& service,
                          const std::vector<SocketAddress>& addresses) {
    Config copy = config;
    auto found = find_service(copy, service);
    if (!found) {
        return std::unexpected(found.error());
    }
    for (const SocketAddress& address : addresses) {
        if (auto backend = find_backend(**found, address); !backend) {
            return std::unexpected(backend.error());
        }
    }
    return {};
}

} // namespace proxip::app
