#include "app/views.hpp"

#include <fmt/format.h>

#include "api/version.hpp"
#include "app/names.hpp"
#include "model/codec.hpp"

namespace proxip::app {

namespace {

std::string state_name(abi::abi_conn_state state) {
    switch (state) {
#define ABI_STATE_CASE(symbol, name)                                                                                   \
    case abi::symbol: return name;
        ABI_SHOWN_STATES(ABI_STATE_CASE)
#undef ABI_STATE_CASE
    default: return "";
    }
}

void add(api::Directions& packets, api::Directions& bytes, const dataplane::BindingCounts& counts) {
    packets.in += counts.in.packets;
    packets.out += counts.out.packets;
    bytes.in += counts.in.bytes;
    bytes.out += counts.out.bytes;
}

std::string_view health_name(policy::Health health) {
    switch (health) {
    case policy::Health::up: return "up";
    case policy::Health::down: return "down";
    case policy::Health::unknown: break;
    }
    return "unknown";
}

// Of new connections, from 0 to 1.
double share_of(const policy::Rotation& rotation, const policy::Share& share) {
    return rotation.weight == 0 ? 0.0 : static_cast<double>(share.weight) / static_cast<double>(rotation.weight);
}

std::unexpected<Error> not_found(std::string_view noun, std::string_view name) {
    return fail(ErrorCode::not_found, fmt::format("there is no {} \"{}\"", noun, name));
}

} // namespace

std::optional<std::string> snat_reason_name(abi::abi_snat_reason reason) {
    switch (reason) {
    case abi::ABI_SNAT_NONE: return std::nullopt;
    case abi::ABI_SNAT_ALWAYS: return "always";
    case abi::ABI_SNAT_HAIRPIN: return "hairpin";
    case abi::ABI_SNAT_OFF_PATH: return "off-path";
    case abi::ABI_SNAT_TUPLE_TAKEN: return "reply-tuple-taken";
    }
    return std::nullopt;
}

Result<void> Views::known(const std::optional<std::string>& service) const {
    if (service && controller_.running().service(*service) == nullptr) {
        return not_found("service", *service);
    }
    return {};
}

api::Status Views::status() const {
    api::Status out;
    out.version = api::version();
    out.ready = true;
    out.generation = controller_.generation();
    out.drift = controller_.drift();
    out.uptime_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    out.connections = dataplane_.live_connections();
    out.max_connections = dataplane_.max_connections();
    for (const auto& attachment : dataplane_.attachments()) {
        out.interfaces.push_back({.name = neighbourhood_.link_name(attachment.index),
                                  .ifindex = attachment.index,
                                  .xdp_mode = std::string(enum_name(attachment.mode))});
    }
    for (const Service& service : controller_.running().services) {
        for (const Backend& backend : service.backends) {
            const std::string state = this->backend(service, backend).state;
            out.backends.up += state == "up" ? 1 : 0;
            out.backends.down += state == "down" ? 1 : 0;
        }
    }
    out.warnings = warnings(controller_.running());
    if (controller_.running().agent.max_connections != out.max_connections) {
        out.warnings.push_back(fmt::format("max_connections = {} counts only after lbagent --detach; {} is in force",
                                           controller_.running().agent.max_connections, out.max_connections));
    }
    for (const Service& service : controller_.running().services) {
        const policy::Basis basis = controller_.rotation(service).basis;
        // Where nobody could be left, warnings() has said so.
        if (basis == policy::Basis::distrusted || basis == policy::Basis::kept_last ||
            (basis == policy::Basis::nobody && service.check.type != CheckType::none)) {
            out.warnings.push_back(fmt::format("service[{}]: {}", service.name, policy::basis_text(basis)));
        }
    }
    for (std::string& conflict : neighbourhood_.warnings()) {
        out.warnings.push_back(std::move(conflict));
    }
    for (std::string& full : pressure_.warnings()) {
        out.warnings.push_back(std::move(full));
    }
    return out;
}

std::optional<dataplane::BindingCounts> Views::counts(const Service& service, const Backend& backend) const {
    const auto& ids = controller_.identities();
    const auto service_id = ids.services.find(service.address);
    const auto endpoint = ids.endpoints.find({.protocol = service.address.protocol, .address = backend.address});
    if (!service_id || !endpoint) {
        return std::nullopt;
    }
    const auto binding = ids.bindings.find({.service = *service_id, .endpoint = *endpoint});
    return binding ? std::optional(dataplane_.counts(*binding)) : std::nullopt;
}

api::BackendView Views::backend(const Service& service, const Backend& backend) const {
    const policy::Rotation& rotation = controller_.rotation(service);
    const auto& share = rotation.shares.at(static_cast<std::size_t>(&backend - service.backends.data()));
    const Admin admin = controller_.admin(service, backend);
    const policy::Health health = controller_.health().state(service.name, backend.address);
    api::BackendView out;
    out.service = service.name;
    out.address = backend.address.text();
    out.weight = backend.weight;
    out.health = health_name(health);
    out.admin = enum_name(admin);
    out.state = admin != Admin::enabled ? out.admin : share.dead ? "down" : "up";
    out.share = share_of(rotation, share);
    out.backup = backend.backup;
    out.connections = counts(service, backend).value_or(dataplane::BindingCounts{}).live;
    out.last_check = controller_.health().last_check(service.name, backend.address);
    return out;
}

api::ServiceView Views::service(const Service& service) const {
    api::ServiceView out{.name = service.name,
                         .address = service.address.text(),
                         .scheduler = std::string(enum_name(service.scheduler)),
                         .snat = std::string(enum_name(service.snat)),
                         .pool = service.pool,
                         .connections = 0,
                         .backends = {}};
    for (const Backend& one : service.backends) {
        out.backends.push_back(backend(service, one));
        out.connections += out.backends.back().connections;
    }
    return out;
}

Result<std::vector<api::ServiceView>> Views::services(const std::optional<std::string>& name) const {
    if (auto there = known(name); !there) {
        return std::unexpected(there.error());
    }
    std::vector<api::ServiceView> out;
    for (const Service& one : controller_.running().services) {
        if (!name || one.name == *name) {
            out.push_back(service(one));
        }
    }
    return out;
}

Result<std::vector<api::BackendView>> Views::backends(const std::optional<std::string>& service,
                                                      const std::optional<SocketAddress>& address) const {
    if (auto there = known(service); !there) {
        return std::unexpected(there.error());
    }
    std::vector<api::BackendView> out;
    for (const Service& one : controller_.running().services) {
        for (const Backend& candidate : one.backends) {
            if ((!service || one.name == *service) && (!address || candidate.address == *address)) {
                out.push_back(backend(one, candidate));
            }
        }
    }
    if (address && out.empty()) {
        return not_found("backend", address->text());
    }
    return out;
}

api::PoolView Views::pool(const ProxyPool& pool) const {
    const auto& ids = controller_.identities();
    std::map<policy::Id, policy::EndpointKey> endpoints;
    for (const auto& [key, id] : ids.endpoints.all()) {
        endpoints.emplace(id, key);
    }
    std::map<policy::Id, std::vector<policy::Id>> rings; // by Proxy IP
    for (const auto& [key, id] : ids.rings.all()) {
        rings[key.proxy].push_back(id);
    }
    api::PoolView out{.name = pool.name, .ports = pool.ports.text(), .addresses = {}};
    for (const Address& address : pool.each_address()) {
        api::PoolView::ProxyAddress view{.address = address.text(), .in_use = 0, .endpoints = {}};
        if (const auto proxy = ids.proxies.find(address)) {
            for (const auto& use : dataplane_.ring_use(rings[*proxy])) {
                const auto endpoint = endpoints.find(use.endpoint);
                if (endpoint == endpoints.end()) {
                    continue;
                }
                view.in_use += use.in_use;
                view.endpoints.push_back({.address = endpoint->second.address.text(),
                                          .protocol = std::string(protocol_name(endpoint->second.protocol)),
                                          .in_use = use.in_use,
                                          .capacity = use.capacity});
            }
        }
        out.addresses.push_back(std::move(view));
    }
    return out;
}

Result<std::vector<api::PoolView>> Views::pools(const std::optional<std::string>& name) const {
    if (name && controller_.running().pool(*name) == nullptr) {
        return not_found("pool", *name);
    }
    std::vector<api::PoolView> out;
    for (const ProxyPool& one : controller_.running().pools) {
        if (!name || one.name == *name) {
            out.push_back(pool(one));
        }
    }
    return out;
}

api::StatsView Views::stats(const Service& service) const {
    api::StatsView out;
    out.service = service.name;
    for (const Backend& backend : service.backends) {
        const auto measured = counts(service, backend).value_or(dataplane::BindingCounts{});
        api::StatsView::Backend view;
        view.address = backend.address.text();
        view.connections = measured.live;
        view.connections_total = measured.opened;
        add(view.packets, view.bytes, measured);
        out.connections += measured.live;
        out.connections_total += measured.opened;
        add(out.packets, out.bytes, measured);
        out.backends.push_back(std::move(view));
    }
    return out;
}

Result<std::vector<api::StatsView>> Views::stats(const std::optional<std::string>& name) const {
    if (auto there = known(name); !there) {
        return std::unexpected(there.error());
    }
    std::vector<api::StatsView> out;
    for (const Service& one : controller_.running().services) {
        if (!name || one.name == *name) {
            out.push_back(stats(one));
        }
    }
    return out;
}

// ---- connections
// --------------------------------------------------------------------------------------------------------

std::string Views::service_name(policy::Id id) const {
    for (const auto& [address, known_id] : controller_.identities().services.all()) {
        if (known_id != id) {
            continue;
        }
        for (const Service& service : controller_.running().services) {
            if (service.address == address) {
                return service.name;
            }
        }
        return address.text(); // removed, but not all of its connections have ended
    }
    return {};
}

bool Views::matches(const api::ConnFilter& filter, const dataplane::Connection& connection) const {
    if (filter.client && connection.client.address != *filter.client) {
        return false;
    }
    return !filter.backend || (connection.backend.address == filter.backend->address &&
                               (filter.backend->port == 0 || connection.backend.port == filter.backend->port));
}

Result<std::vector<api::ConnView>> Views::connections(const api::ConnFilter& filter, std::uint32_t limit) const {
    if (auto there = known(filter.service); !there) {
        return std::unexpected(there.error());
    }
    std::vector<api::ConnView> out;
    std::map<policy::Id, std::string> names;
    dataplane_.each_connection([&](const dataplane::Connection& connection) {
        auto [name, added] = names.try_emplace(connection.service);
        if (added) {
            name->second = service_name(connection.service);
        }
        if ((filter.service && name->second != *filter.service) || !matches(filter, connection)) {
            return true;
        }
        out.push_back({.service = name->second,
                       .protocol = std::string(protocol_name(connection.protocol)),
                       .client = connection.client.text(),
                       .vip = connection.vip.text(),
                       .proxy = connection.proxy ? std::optional(connection.proxy->text()) : std::nullopt,
                       .backend = connection.backend.text(),
                       .state = state_name(connection.state),
                       .snat_reason = snat_reason_name(connection.reason),
                       .age_seconds = connection.age_seconds,
                       .idle_seconds = connection.idle_seconds,
                       .packets = {connection.in.packets, connection.out.packets},
                       .bytes = {connection.in.bytes, connection.out.bytes}});
        return limit == 0 || out.size() < limit;
    });
    return out;
}

Result<api::ConnCount> Views::count(const api::ConnFilter& filter) const {
    if (auto there = known(filter.service); !there) {
        return std::unexpected(there.error());
    }
    std::optional<policy::Id> service;
    if (filter.service) {
        service = controller_.identities().services.find(controller_.running().service(*filter.service)->address);
    }
    api::ConnCount out;
    dataplane_.each_connection([&](const dataplane::Connection& connection) {
        if ((!service || connection.service == *service) && matches(filter, connection)) {
            ++(connection.state == abi::ABI_CLOSED ? out.closed : out.connections);
        }
        return true;
    });
    return out;
}

} // namespace proxip::app
