#include "app/views.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/version.hpp"
#include "app/names.hpp"
#include "model/codec.hpp"

namespace proxip::app {

namespace {

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

bool shows(const api::BackendShow& request, const std::string& service, const SocketAddress& backend) {
    return (!request.service || service == *request.service) && (!request.address || backend == *request.address) &&
           (!request.server || backend.address == *request.server);
}

// Of new connections, from 0 to 1.
double share_of(const policy::Rotation& rotation, const policy::Share& share) {
    return rotation.weight == 0 ? 0.0 : static_cast<double>(share.weight) / static_cast<double>(rotation.weight);
}

std::string ports_text(const std::vector<PortRange>& segments) {
    std::vector<std::string> out;
    std::ranges::transform(segments, std::back_inserter(out), &PortRange::text);
    return fmt::format("{}", fmt::join(out, ","));
}

std::unexpected<Error> not_found(std::string_view noun, std::string_view name) {
    return fail(ErrorCode::not_found, fmt::format("there is no {} \"{}\"", noun, name));
}

} // namespace

std::string state_name(abi::abi_conn_state state) {
    switch (state) {
#define ABI_STATE_CASE(symbol, name)                                                                                   \
    case abi::symbol: return name;
        ABI_SHOWN_STATES(ABI_STATE_CASE)
#undef ABI_STATE_CASE
    default: return "";
    }
}

double seconds_since(policy::Instant then) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

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

Result<void> Views::ever_known(const std::optional<std::string>& service) const {
    if (service && !controller_.knows_service(*service)) {
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
            const std::string word = state(service, backend);
            out.backends.up += word == "up" ? 1 : 0;
            out.backends.down += word == "down" ? 1 : 0;
        }
    }
    out.warnings = warnings(controller_.running());
    if (controller_.running().agent.max_connections != out.max_connections) {
        out.warnings.push_back(fmt::format("max_connections = {} counts only after lbagent --detach; {} is in force",
                                           controller_.running().agent.max_connections, out.max_connections));
    }
    if (!controller_.file_trouble().empty()) {
        out.warnings.push_back("the configuration file was not reloaded: " + controller_.file_trouble());
    }
    if (const auto& trial = controller_.trial()) {
        out.confirm = {.back_to = trial->former().generation, .seconds_left = trial->seconds_left()};
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
    if (!web_.trouble().empty()) {
        out.warnings.push_back("metrics: " + web_.trouble());
    }
    for (std::string& trouble : nat_.warnings()) {
        out.warnings.push_back(std::move(trouble));
    }
    for (std::string& full : pressure_.warnings()) {
        out.warnings.push_back(std::move(full));
    }
    return out;
}

Readings Views::readings() const {
    return {.status = status(),
            .backends = backends({}).value_or(std::vector<api::BackendView>{}),
            .stats = stats(std::nullopt).value_or(std::vector<api::StatsView>{}),
            .pools = pools({}).value_or(std::vector<api::PoolView>{}),
            .drops = dataplane_.drops(),
            .events = dataplane_.events(),
            .nat = nat_.readings()};
}

std::optional<dataplane::BindingCounts> Views::counts(const Service& service, const Backend& backend) const {
    return controller_.identities().binding(service.address, backend.address).transform([&](policy::Id binding) {
        return dataplane_.counts(binding);
    });
}

std::string Views::state(const Service& service, const Backend& backend) const {
    const Admin admin = controller_.admin(service, backend);
    if (admin != Admin::enabled) {
        return std::string(enum_name(admin));
    }
    const auto index = static_cast<std::size_t>(&backend - service.backends.data());
    return controller_.rotation(service).shares.at(index).dead ? "down" : "up";
}

api::BackendView Views::backend(const Service& service, const Backend& backend) const {
    const policy::Rotation& rotation = controller_.rotation(service);
    const auto& share = rotation.shares.at(static_cast<std::size_t>(&backend - service.backends.data()));
    const policy::Health health = controller_.health().state(service.name, backend.address);
    api::BackendView out;
    out.service = service.name;
    out.address = backend.address.text();
    out.weight = backend.weight;
    out.health = health_name(health);
    out.admin = enum_name(controller_.admin(service, backend));
    out.state = state(service, backend);
    out.share = share_of(rotation, share);
    out.backup = backend.backup;
    out.connections = counts(service, backend).value_or(dataplane::BindingCounts{}).live;
    out.last_check = controller_.health().last_check(service.name, backend.address);
    const auto times = controller_.health().times(service.name, backend.address);
    out.health_seconds = times.since.transform(seconds_since);
    out.check_seconds = times.checked.transform(seconds_since);
    return out;
}

// Removed, but not all of its connections have ended. Gone from here when they have.
std::vector<api::BackendView> Views::leaving() const {
    std::vector<api::BackendView> out;
    for (const auto& one : controller_.leaving()) {
        const std::uint64_t live = dataplane_.counts(one.binding).live;
        if (live > 0) {
            out.push_back({.service = one.service,
                           .address = one.endpoint.address.text(),
                           .state = "leaving",
                           .health = "unknown",
                           .admin = std::string(enum_name(Admin::enabled)),
                           .connections = live,
                           .last_check = {}});
        }
    }
    return out;
}

api::ServiceView Views::service(const Service& service, const std::vector<api::BackendView>& leaving) const {
    api::ServiceView out{.name = service.name,
                         .address = service.address.text(),
                         .scheduler = std::string(enum_name(service.scheduler)),
                         .snat = std::string(enum_name(service.snat)),
                         .pool = service.pool,
                         .connections = 0,
                         .backends = {}};
    for (const Backend& one : service.backends) {
        out.backends.push_back(backend(service, one));
    }
    std::ranges::copy_if(leaving, std::back_inserter(out.backends),
                         [&](const api::BackendView& one) { return one.service == service.name; });
    for (const api::BackendView& one : out.backends) {
        out.connections += one.connections;
    }
    return out;
}

Result<std::vector<api::ServiceView>> Views::services(const std::optional<std::string>& name) const {
    if (auto there = known(name); !there) {
        return std::unexpected(there.error());
    }
    const auto leave = leaving();
    std::vector<api::ServiceView> out;
    for (const Service& one : controller_.running().services) {
        if (!name || one.name == *name) {
            out.push_back(service(one, leave));
        }
    }
    return out;
}

Result<std::vector<api::BackendView>> Views::backends(const api::BackendShow& request) const {
    if (auto there = ever_known(request.service); !there) {
        return std::unexpected(there.error());
    }
    std::vector<api::BackendView> out;
    for (const Service& one : controller_.running().services) {
        for (const Backend& candidate : one.backends) {
            if (shows(request, one.name, candidate.address)) {
                out.push_back(backend(one, candidate));
            }
        }
    }
    for (api::BackendView& one : leaving()) {
        if (shows(request, one.service, *SocketAddress::parse(one.address))) {
            out.push_back(std::move(one));
        }
    }
    if (request.address && out.empty()) {
        return not_found("backend", request.address->text());
    }
    if (request.server && out.empty()) {
        return not_found("server", request.server->text());
    }
    return out;
}

api::PoolView Views::pool(const ProxyPool& pool) const {
    const auto& ids = controller_.identities();
    std::map<policy::Id, policy::EndpointKey> endpoints;
    for (const auto& [key, id] : ids.endpoints.all()) {
        endpoints.emplace(id, key);
    }
    using Rings = std::map<std::vector<PortRange>, std::vector<policy::Id>>; // by port range
    std::map<policy::Id, Rings> rings;                                       // by Proxy IP
    for (const auto& [key, id] : ids.rings.all()) {
        rings[key.proxy][key.segments].push_back(id);
    }
    const auto current = pool.port_segments();
    api::PoolView out{.name = pool.name, .ports = pool.ports.text(), .addresses = {}};
    for (const Address& address : pool.each_address()) {
        api::PoolView::ProxyAddress view{.address = address.text(), .in_use = 0, .endpoints = {}};
        const auto add_rings = [&](const std::vector<policy::Id>& of_range, const std::string& ports, bool former) {
            for (const auto& use : dataplane_.ring_use(of_range)) {
                const auto endpoint = endpoints.find(use.endpoint);
                if (endpoint == endpoints.end()) {
                    continue;
                }
                view.in_use += use.in_use;
                view.endpoints.push_back({.address = endpoint->second.address.text(),
                                          .protocol = std::string(protocol_name(endpoint->second.protocol)),
                                          .in_use = use.in_use,
                                          .capacity = use.capacity,
                                          .ports = ports,
                                          .former = former});
            }
        };
        if (const auto proxy = ids.proxies.find(address)) {
            Rings& own = rings[*proxy];
            add_rings(own[current], out.ports, false);
            own.erase(current);
            for (const auto& [segments, of_range] : own) {
                add_rings(of_range, ports_text(segments), true);
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

bool Views::matches(const api::ConnFilter& filter, const dataplane::Connection& connection) const {
    if (filter.client && connection.client.address != *filter.client) {
        return false;
    }
    return !filter.backend || (connection.backend.address == filter.backend->address &&
                               (filter.backend->port == 0 || connection.backend.port == filter.backend->port));
}

Result<std::vector<api::ConnView>> Views::connections(const api::ConnFilter& filter, std::uint32_t limit) const {
    if (auto there = ever_known(filter.service); !there) {
        return std::unexpected(there.error());
    }
    std::vector<api::ConnView> out;
    auto names = controller_.service_names();
    dataplane_.each_connection([&](const dataplane::Connection& connection) {
        const std::string& name = names[connection.service];
        if ((filter.service && name != *filter.service) || !matches(filter, connection)) {
            return true;
        }
        out.push_back({.service = name,
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

Result<std::function<bool(const dataplane::Connection&)>> Views::picking(const api::ConnFilter& filter) const {
    if (auto there = ever_known(filter.service); !there) {
        return std::unexpected(there.error());
    }
    std::set<policy::Id> services; // the name may have moved to another address
    for (const auto& [id, name] : controller_.service_names()) {
        if (filter.service && name == *filter.service) {
            services.insert(id);
        }
    }
    return [this, filter, services = std::move(services)](const dataplane::Connection& connection) {
        return (!filter.service || services.contains(connection.service)) && matches(filter, connection);
    };
}

Result<api::ConnCount> Views::count(const api::ConnFilter& filter) const {
    const auto picks = picking(filter);
    if (!picks) {
        return std::unexpected(picks.error());
    }
    api::ConnCount out;
    dataplane_.each_connection([&](const dataplane::Connection& connection) {
        if ((*picks)(connection)) {
            ++(connection.state == abi::ABI_CLOSED ? out.closed : out.connections);
        }
        return true;
    });
    return out;
}

} // namespace proxip::app
