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

Result<void> put(Draft& draft, const api::ServiceAdd& request) {
    draft.config.services.push_back(request.service);
    return {};
}

Result<void> put(Draft& draft, const api::ServiceSet& request) {
    auto service = find_service(draft.config, request.name);
    if (!service) {
        return std::unexpected(service.error());
    }
    **service = api::patched(**service, request.patch);
    return {};
}

Result<void> put(Draft& draft, const api::ServiceDel& request) {
    if (auto service = find_service(draft.config, request.name); !service) {
        return std::unexpected(service.error());
    }
    std::erase_if(draft.config.services, [&](const Service& service) { return service.name == request.name; });
    draft.overlay = draft.overlay.kept_for(draft.config); // a service that a later step adds begins anew
    return {};
}

Result<void> put(Draft& draft, const api::BackendAdd& request) {
    auto service = find_service(draft.config, request.service);
    if (!service) {
        return std::unexpected(service.error());
    }
    (*service)->backends.insert((*service)->backends.end(), request.backends.begin(), request.backends.end());
    return {};
}

// Every backend of the request, before anything is done to the first.
Result<std::vector<Backend*>> find_backends(Config& config, const std::string& name,
                                            const std::vector<SocketAddress>& addresses) {
    auto service = find_service(config, name);
    if (!service) {
        return std::unexpected(service.error());
    }
    std::vector<Backend*> out;
    for (const SocketAddress& address : addresses) {
        auto backend = find_backend(**service, address);
        if (!backend) {
            return std::unexpected(backend.error());
        }
        out.push_back(*backend);
    }
    return out;
}

Result<void> put(Draft& draft, const api::BackendSet& request) {
    auto backends = find_backends(draft.config, request.service, request.addresses);
    if (!backends) {
        return std::unexpected(backends.error());
    }
    for (Backend* backend : *backends) {
        *backend = api::patched(*backend, request.patch);
    }
    return {};
}

Result<void> put(Draft& draft, const api::BackendDel& request) {
    if (auto backends = find_backends(draft.config, request.service, request.addresses); !backends) {
        return std::unexpected(backends.error());
    }
    std::erase_if((*find_service(draft.config, request.service))->backends, [&](const Backend& backend) {
        return std::ranges::find(request.addresses, backend.address) != request.addresses.end();
    });
    draft.overlay = draft.overlay.kept_for(draft.config);
    return {};
}

// The operator decides from here on: what the file said of `enabled` is no longer so, and a dump must not say it.
void put_admin(Draft& draft, const std::string& service, Backend& backend, Admin admin) {
    backend.enabled.reset();
    draft.overlay.set(service, backend.address, admin);
}

Result<void> put(Draft& draft, const api::BackendAdmin& request) {
    auto backends = find_backends(draft.config, request.service, request.addresses);
    if (!backends) {
        return std::unexpected(backends.error());
    }
    for (Backend* backend : *backends) {
        put_admin(draft, request.service, *backend, request.admin);
    }
    return {};
}

Result<void> put(Draft& draft, const api::ServerAdmin& request) {
    bool any = false;
    for (Service& service : draft.config.services) {
        for (Backend& backend : service.backends) {
            if (backend.address.address == request.address) {
                put_admin(draft, service.name, backend, request.admin);
                any = true;
            }
        }
    }
    if (!any) {
        return fail(ErrorCode::not_found, fmt::format("no service has a backend {}", request.address.text()));
    }
    return {};
}

Result<void> put(Draft& draft, const api::PoolAdd& request) {
    draft.config.pools.push_back(request.pool);
    return {};
}

Result<void> put(Draft& draft, const api::PoolSet& request) {
    auto pool = find_pool(draft.config, request.name);
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
    return {};
}

Result<void> put(Draft& draft, const api::PoolDel& request) {
    if (auto pool = find_pool(draft.config, request.name); !pool) {
        return std::unexpected(pool.error());
    }
    for (const Service& service : draft.config.services) {
        if (service.pool == request.name && service.snat != Snat::never) {
            return fail(ErrorCode::refused,
                        fmt::format("pool \"{}\" is used by service \"{}\"", request.name, service.name));
        }
    }
    std::erase_if(draft.config.pools, [&](const ProxyPool& pool) { return pool.name == request.name; });
    return {};
}

Error placed(Error error, const api::Step& step) {
    if (!step.place.empty()) {
        error.path = error.path.empty() ? step.place : step.place + ": " + error.path;
    }
    return error;
}

} // namespace

Result<void> edit(Draft& draft, const api::Edit& edit) {
    return std::visit([&](const auto& one) { return put(draft, one); }, edit);
}

Result<Draft> edited(Draft draft, std::span<const api::Step> steps) {
    for (const api::Step& step : steps) {
        if (auto done = edit(draft, step.edit); !done) {
            return std::unexpected(placed(std::move(done.error()), step));
        }
    }
    return draft;
}

// By halves: what is wrong after a step is mostly still wrong at the end, and a check of all services takes its time.
Error blamed(const Draft& start, std::span<const api::Step> steps, Error error,
             const std::function<Result<void>(const Draft&)>& sound) {
    std::size_t good = 0; // so many steps are sound
    std::size_t bad = steps.size();
    while (bad > good + 1) {
        const std::size_t middle = good + (bad - good) / 2;
        const auto draft = edited(start, steps.first(middle));
        const auto verdict = draft ? sound(*draft) : std::unexpected(draft.error());
        (!verdict && verdict.error().path == error.path ? bad : good) = middle;
    }
    return steps.empty() ? error : placed(std::move(error), steps[bad - 1]);
}

} // namespace proxip::app
