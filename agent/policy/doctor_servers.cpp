// Backends: the way to them, their answers, their health.

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "policy/doctor_rules.hpp"

namespace proxip::policy::doctor {

namespace {

std::string subject_of(const Server& server) {
    return fmt::format("{}: {}", server.service, server.address.text());
}

std::string servers_of(const Way& way) {
    std::vector<std::string> names;
    for (const Server& server : way.servers) {
        names.push_back(fmt::format("{} ({})", server.address.text(), server.service));
    }
    if (way.count > way.servers.size()) {
        names.push_back(fmt::format("{} more", way.count - way.servers.size()));
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

// One command for each service that has backends there.
std::string disabling(const Way& way) {
    std::map<std::string, std::string> by_service;
    for (const Server& server : way.servers) {
        by_service[server.service].append(1, ' ').append(server.address.text());
    }
    std::vector<std::string> commands;
    for (const auto& [service, addresses] : by_service) {
        commands.push_back(fmt::format("lbctl backend disable {}{}", service, addresses));
    }
    return fmt::format("{}", fmt::join(commands, " && "));
}

void find_no_route(const Way& way, Findings& out) {
    out.push_back({.severity = Severity::error,
                   .subject = way.servers.front().address.address.text(),
                   .what = way.no_route,
                   .why = fmt::format("packets to {} are dropped as next_hop_unresolved", servers_of(way)),
                   .fix = fmt::format("ip route get {}; until there is a route: {}",
                                      way.servers.front().address.address.text(), disabling(way))});
}

void find_unresolved(const Way& way, Findings& out) {
    // Where the checks found all of them down, new connections go elsewhere already.
    const bool known_down =
        std::ranges::all_of(way.servers, [](const Server& server) { return server.health == Health::down; });
    const std::string_view asked = way.next.family == Family::v4 ? "ARP" : "neighbour solicitations";
    out.push_back({.severity = known_down || way.known ? Severity::warning : Severity::error,
                   .subject = way.next.text(),
                   .what = way.known ? fmt::format("does not answer {} on {} any more; its last known MAC is used",
                                                   asked, way.link)
                                     : fmt::format("does not answer {} on {}: its MAC is not known", asked, way.link),
                   .why = way.known ? fmt::format("packets to {} go to where it was", servers_of(way))
                                    : fmt::format("packets to {} are dropped as next_hop_unresolved", servers_of(way)),
                   .fix = disabling(way)});
}

// One silent call may be a client that went away. A neighbour's silence has a reason that is known: the backend answers
// it over the segment, not through here.
bool convincing(const Silence& one) {
    constexpr std::uint32_t enough = 3;
    if (one.neighbours > 0) {
        return true;
    }
    return one.connections >= enough && !one.answers_others;
}

std::string silence_text(const Silence& one) {
    const std::string calls = one.connections == 1 ? "a connection" : fmt::format("{} connections", one.connections);
    const bool itself = one.client == one.server.address.address;
    return fmt::format("{} to it kept the client's address (snat = \"{}\"), and no answer ever came back through here; "
                       "one of {}{}",
                       calls, one.snat == Snat::never ? "never" : "auto", one.client.text(),
                       itself               ? ", which is the server itself"
                       : one.neighbours > 0 ? ", which is on the server's own segment"
                                            : "");
}

std::string_view silence_why(const Silence& one) {
    return one.checked
               ? "the server is well: it answers the client past the load balancer, and the client gets a packet "
                 "from an address that it never called. A Proxy IP brings the answers back"
               : "likely the server answers the client past the load balancer, and the client gets a packet from an "
                 "address that it never called. A Proxy IP brings the answers back. (Without a health check it is "
                 "not known whether the server serves at all)";
}

std::string silence_fix(const Silence& one) {
    const std::string set = fmt::format("lbctl service set {} --snat always", one.server.service);
    return one.pool_exists ? set : fmt::format("lbctl pool add {} PROXY-IP && {}", one.pool, set);
}

} // namespace

void find_next_hops(const Facts& facts, Findings& out) {
    for (const Way& way : facts.ways) {
        if (way.servers.empty()) {
            continue;
        }
        if (!way.no_route.empty()) {
            find_no_route(way, out);
        } else if (!way.known || !way.answers) {
            find_unresolved(way, out);
        }
    }
}

void find_asymmetric_return(const Facts& facts, Findings& out) {
    for (const Silence& one : facts.silences) {
        // A server that is dead, or a host that is not there, is silent for another reason.
        if (one.snat == Snat::always || one.server.health == Health::down || !one.resolved || !convincing(one)) {
            continue;
        }
        out.push_back({.severity = one.checked || one.neighbours > 0 ? Severity::error : Severity::warning,
                       .subject = subject_of(one.server),
                       .what = silence_text(one),
                       .why = std::string(silence_why(one)),
                       .fix = silence_fix(one)});
    }
}

void find_health(const Facts& facts, Findings& out) {
    for (const Standing& one : facts.services) {
        if (one.basis == Basis::checks) {
            continue;
        }
        const bool nobody = one.basis == Basis::nobody;
        out.push_back({.severity = nobody && one.has_backends ? Severity::error : Severity::warning,
                       .subject = one.service,
                       .what = one.has_backends ? std::string(basis_text(one.basis))
                                                : "every backend is disabled, drained or of weight 0",
                       .why = nobody ? "every new connection is refused as no_backend_available"
                                     : "new connections go to backends that the checks found down",
                       .fix = fmt::format("lbctl backend show {}", one.service)});
    }
    for (const Server& server : facts.servers) {
        if (server.health == Health::down) {
            out.push_back({.severity = Severity::warning,
                           .subject = subject_of(server),
                           .what = fmt::format("its checks find it down: {}", server.last_check),
                           .why = "it gets no new connections until they find it up",
                           .fix = fmt::format("lbctl backend show {} {}", server.service, server.address.text())});
        }
    }
}

} // namespace proxip::policy::doctor
