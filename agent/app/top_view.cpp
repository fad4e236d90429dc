// What a live view needs, of one moment (lbctl top).

#include <algorithm>
#include <chrono>
#include <map>

#include <fmt/format.h>

#include "app/events.hpp"
#include "app/views.hpp"

namespace proxip::app {

namespace {

// Looking through a million connections would keep the agent from its checks: of more than so many, one in so many.
constexpr std::uint32_t most_looked_at = 131'072;

api::Top::Pool summed(const api::PoolView& pool) {
    api::Top::Pool out{.name = pool.name};
    std::map<std::string, api::Top::Use> endpoints;
    for (const auto& address : pool.addresses) {
        for (const auto& endpoint : address.endpoints) {
            if (endpoint.former) {
                continue;
            }
            auto name = fmt::format("{}://{}", endpoint.protocol, endpoint.address);
            auto& use = endpoints.try_emplace(name, api::Top::Use{.endpoint = name}).first->second;
            use.in_use += endpoint.in_use;
            use.capacity += endpoint.capacity;
            out.in_use += endpoint.in_use;
            out.capacity += endpoint.capacity;
        }
    }
    const auto fill = [](const auto& entry) {
        const api::Top::Use& use = entry.second;
        return use.capacity == 0 ? 0.0 : static_cast<double>(use.in_use) / static_cast<double>(use.capacity);
    };
    const auto fullest = std::ranges::max_element(endpoints, {}, fill);
    if (fullest != endpoints.end()) {
        out.fullest = fullest->second;
    }
    return out;
}

} // namespace

api::Top::Service Views::top_service(const Service& service) const {
    api::Top::Service out{.name = service.name, .address = service.address.text(), .backends = {}};
    for (const Backend& one : service.backends) {
        const auto measured = counts(service, one).value_or(dataplane::BindingCounts{});
        auto shown = backend(service, one);
        out.backends.push_back({.address = std::move(shown.address),
                                .state = std::move(shown.state),
                                .health = std::move(shown.health),
                                .connections = measured.live,
                                .connections_total = measured.opened,
                                .packets = {measured.in.packets, measured.out.packets},
                                .bytes = {measured.in.bytes, measured.out.bytes}});
    }
    return out;
}

std::uint32_t Views::top_clients(std::uint32_t wanted, std::vector<api::Top::Client>& out) const {
    std::map<Address, api::Top::Client> clients;
    const std::uint32_t one_in =
        dataplane_.sample_connections(most_looked_at, [&](const dataplane::Connection& connection) {
            auto& client = clients[connection.client.address];
            client.connections += connection.state == abi::ABI_CLOSED ? 0 : 1;
            client.proxy_ports += connection.proxy ? 1 : 0;
        });
    for (auto& [address, client] : clients) {
        client.address = address.text();
        client.connections *= one_in;
        client.proxy_ports *= one_in;
        out.push_back(std::move(client));
    }
    const auto most_first = [](const api::Top::Client& a, const api::Top::Client& b) {
        return std::pair(a.connections, a.proxy_ports) > std::pair(b.connections, b.proxy_ports);
    };
    const auto kept = std::min<std::size_t>(wanted, out.size());
    std::ranges::partial_sort(out, out.begin() + static_cast<std::ptrdiff_t>(kept), most_first);
    out.resize(kept);
    return one_in;
}

api::Top Views::top(const api::TopRequest& request) const {
    api::Top out;
    out.time = time_text(std::chrono::system_clock::now());
    out.at = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    out.generation = controller_.generation();
    out.connections = dataplane_.live_connections();
    out.max_connections = dataplane_.max_connections();
    for (const Service& service : controller_.running().services) {
        out.services.push_back(top_service(service));
    }
    out.drops = dataplane_.drops();
    for (const ProxyPool& one : controller_.running().pools) {
        out.pools.push_back(summed(pool(one)));
    }
    if (request.clients > 0) {
        out.one_in = top_clients(request.clients, out.clients);
    }
    return out;
}

} // namespace proxip::app
