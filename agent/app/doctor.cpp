#include "app/doctor.hpp"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include <fmt/format.h>
#include <unistd.h>

#include "dataplane/ethtool.hpp"
#include "dataplane/redirect_capability.hpp"
#include "policy/port_arithmetic.hpp"
#include "policy/rings.hpp"

namespace proxip::app {

namespace {

namespace doctor = policy::doctor;

constexpr std::size_t listed_servers = 8; // of one way

std::vector<doctor::Interface> interfaces_of(const Survey& survey, const dataplane::Dataplane& dataplane,
                                             const std::map<std::uint32_t, std::uint64_t>& redirect_errors) {
    std::vector<doctor::Interface> out;
    for (const Survey::Interface& one : survey.interfaces) {
        doctor::Interface facts{.name = one.name, .named = one.named, .present = one.link.has_value()};
        facts.attached = one.mode.has_value();
        facts.trouble = one.trouble;
        facts.asked = one.asked;
        facts.mode = one.mode.value_or(XdpMode::native);
        if (one.link) {
            const std::uint32_t index = one.link->index;
            const auto driver = dataplane::driver_of(index);
            const auto offloads = dataplane::offloads_of(index).value_or(dataplane::Offloads{});
            const auto errors = redirect_errors.find(index);
            facts.driver = driver ? driver->name : "";
            facts.is_virtual = !one.link->kind.empty();
            facts.takes_redirects = dataplane.takes_redirects(index);
            facts.merges = offloads.merges;
            facts.strips_tags = offloads.strips_tags;
            facts.mtu = one.link->mtu;
            facts.redirect_errors = errors == redirect_errors.end() ? 0 : errors->second;
        }
        if (const auto vlans = survey.vlans.find(one.name); vlans != survey.vlans.end()) {
            facts.vlans = vlans->second;
        }
        out.push_back(std::move(facts));
    }
    return out;
}

std::vector<doctor::OwnAddress> addresses_of(const Survey& survey, const Neighbourhood& neighbourhood) {
    std::vector<doctor::OwnAddress> out;
    for (const Survey::Own& own : survey.own) {
        doctor::OwnAddress one{.address = own.address, .vip = own.vip, .routed_local = own.routed_local};
        if (own.owner) {
            one.other_mac = net::mac_text(*own.owner);
            one.other_link = own.owner_link;
        }
        if (own.assigned) {
            one.of_host = true;
            one.host_link = neighbourhood.link_name(own.assigned->link);
            one.host_prefix = own.assigned->prefix_length;
        }
        out.push_back(std::move(one));
    }
    return out;
}

policy::EndpointKey endpoint_of(const doctor::Server& server) {
    return {.protocol = server.protocol, .address = server.address};
}

// Servers behind one neighbour have one finding; those without a route one for each address.
std::vector<doctor::Way> ways_of(const Survey& survey, const std::vector<doctor::Server>& servers) {
    std::map<std::tuple<std::string, Address, std::string>, doctor::Way> ways;
    for (const doctor::Server& server : servers) {
        const auto found = survey.ways.find(endpoint_of(server));
        if (found == survey.ways.end()) {
            continue;
        }
        const Survey::Way& known = found->second;
        const Address& next = known.no_route.empty() ? known.next : server.address.address;
        doctor::Way& way = ways[{known.link, next, known.no_route}];
        way.link = known.link;
        way.next = next;
        way.known = known.known;
        way.answers = known.answers;
        way.no_route = known.no_route;
        if (++way.count <= listed_servers) {
            way.servers.push_back(server);
        }
    }
    std::vector<doctor::Way> out;
    for (auto& [key, way] : ways) {
        out.push_back(std::move(way));
    }
    return out;
}

api::Finding finding_view(const doctor::Finding& finding) {
    return {.severity = std::string(name_of(finding.severity)),
            .check = std::string(name_of(finding.check)),
            .subject = finding.subject,
            .what = finding.what,
            .why = finding.why,
            .fix = finding.fix};
}

} // namespace

void Doctor::tick() {
    silence_.tick();
    late_.tick();
}

api::Doctor Doctor::examine() {
    silence_.look();
    const auto diagnosis = doctor::diagnose(gather());
    api::Doctor out;
    std::ranges::transform(diagnosis.findings, std::back_inserter(out.findings), finding_view);
    std::ranges::transform(diagnosis.ok, std::back_inserter(out.ok),
                           [](DoctorCheck check) { return std::string(name_of(check)); });
    return out;
}

doctor::Facts Doctor::gather() const {
    doctor::Facts facts;
    const Survey survey = parts_.neighbourhood.survey();
    auto late = late_.growth();
    facts.interfaces = interfaces_of(survey, parts_.dataplane, late.redirect_errors);
    facts.addresses = addresses_of(survey, parts_.neighbourhood);
    facts.drops = std::move(late.drops);
    facts.late_seconds = late.seconds;
    gather_servers(survey, facts);
    gather_silences(survey, facts);
    gather_capacity(facts);
    gather_host(facts);
    return facts;
}

void Doctor::gather_servers(const Survey& survey, doctor::Facts& facts) const {
    const Controller& controller = parts_.controller;
    for (const Service& service : controller.running().services) {
        bool any = false;
        for (const Backend& backend : service.backends) {
            if (controller.admin(service, backend) != Admin::enabled || backend.weight == 0) {
                continue;
            }
            any = true;
            const bool checked = service.check.type != CheckType::none;
            facts.servers.push_back(
                {.service = service.name,
                 .address = backend.address,
                 .protocol = service.address.protocol,
                 .health = checked ? controller.health().state(service.name, backend.address) : policy::Health::unknown,
                 .last_check = controller.health().last_check(service.name, backend.address)});
        }
        if (!service.backends.empty()) {
            facts.services.push_back(
                {.service = service.name, .basis = controller.rotation(service).basis, .has_backends = any});
        }
    }
    facts.ways = ways_of(survey, facts.servers);
}

void Doctor::gather_silences(const Survey& survey, doctor::Facts& facts) const {
    const Config& running = parts_.controller.running();
    for (const auto& silence : silence_.silences()) {
        const auto server = std::ranges::find_if(facts.servers, [&](const doctor::Server& one) {
            return one.service == silence.service && one.address == silence.backend;
        });
        const Service* service = running.service(silence.service);
        if (server == facts.servers.end() || service == nullptr) {
            continue;
        }
        const auto way = survey.ways.find(endpoint_of(*server));
        facts.silences.push_back({.server = *server,
                                  .snat = service->snat,
                                  .checked = server->health == policy::Health::up,
                                  .resolved = way == survey.ways.end() || way->second.answers,
                                  .pool = service->pool,
                                  .pool_exists = running.pool(service->pool) != nullptr,
                                  .connections = silence.connections,
                                  .neighbours = silence.neighbours,
                                  .client = silence.client,
                                  .answers_others = silence.answers_others});
    }
}

void Doctor::gather_capacity(doctor::Facts& facts) const {
    const Config& running = parts_.controller.running();
    const policy::Identities& ids = parts_.controller.identities();
    std::map<policy::Id, const ProxyPool*> pools; // by Proxy IP
    for (const ProxyPool& pool : running.pools) {
        for (const Address& address : pool.each_address()) {
            if (const auto id = ids.proxies.find(address)) {
                pools.emplace(*id, &pool);
            }
        }
    }
    std::map<policy::Id, policy::EndpointKey> endpoints;
    for (const auto& [key, id] : ids.endpoints.all()) {
        endpoints.emplace(id, key);
    }
    std::map<std::pair<const ProxyPool*, policy::Id>, doctor::Pool> sums;
    for (const dataplane::RingUse& use : parts_.dataplane.ring_use(policy::current_rings(running, ids))) {
        const auto endpoint = endpoints.find(use.endpoint);
        const auto pool = pools.find(use.proxy);
        if (endpoint == endpoints.end() || pool == pools.end()) {
            continue;
        }
        doctor::Pool& sum = sums[{pool->second, use.endpoint}];
        sum.name = pool->second->name;
        sum.protocol = endpoint->second.protocol;
        sum.endpoint = endpoint->second.address;
        sum.in_use += use.in_use;
        sum.capacity += use.capacity;
    }
    for (auto& [key, sum] : sums) {
        facts.pools.push_back(std::move(sum));
    }
    facts.port_memory = policy::port_arithmetic(running).bytes;
    facts.max_port_memory = running.agent.max_port_memory;
    facts.connections = parts_.dataplane.live_connections();
    facts.max_connections = parts_.dataplane.max_connections();
}

void Doctor::gather_host(doctor::Facts& facts) const {
    facts.seconds_since_sweep = parts_.dataplane.seconds_since_sweep();
    facts.clock = clock_.read();
    if (parts_.controller.trial()) {
        facts.clock->needed_by = "the apply that waits to be confirmed";
    }
    facts.bpffs = read_bpffs(parts_.options.bpffs);
    facts.memory = read_memory("/proc/self/cgroup", "/sys/fs/cgroup");
    facts.config_path = parts_.options.config.string();
    // Who gives its services a socket to tell of their state gives them commands, too.
    const bool by_systemd = std::getenv("NOTIFY_SOCKET") != nullptr; // NOLINT(concurrency-mt-unsafe): nobody sets it
    facts.reload = by_systemd ? "systemctl reload lbagent" : fmt::format("kill -HUP {}", ::getpid());
    facts.restart = by_systemd ? "systemctl restart lbagent" : fmt::format("kill {}, and start it again", ::getpid());
    facts.file_trouble = parts_.controller.file_trouble();
    facts.drift = parts_.controller.drift();
    facts.warnings = warnings(parts_.controller.running());
    facts.metrics_trouble = parts_.web.trouble();
    facts.nat_log = parts_.nat.losses();
}

} // namespace proxip::app
