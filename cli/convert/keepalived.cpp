#include "cli/convert/keepalived.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cli/convert/keepalived_check.hpp"
#include "cli/convert/keepalived_text.hpp"
#include "model/codec.hpp"
#include "model/text.hpp"

namespace proxip::cli::convert {
namespace {

constexpr std::string_view left_out = "not translated";
constexpr std::string_view no_marks = "a service is an address and a port, not a firewall mark";

// ---- words to values ----

// "10.0.0.1", "80": no port, or 0, is every port.
std::optional<SocketAddress> socket_of(const std::string& address, const std::string& port) {
    const auto parsed = Address::parse(address);
    const auto number = port.empty() ? std::optional<std::uint64_t>(0) : proxip::parse_number(port, 65535);
    if (!parsed || !number) {
        return std::nullopt;
    }
    return SocketAddress{*parsed, static_cast<std::uint16_t>(*number)};
}

// "192.168.200.3-10", "2001:db8::2-9" (the last part, in the family's own digits), or one address.
std::vector<Address> addresses_of(const std::string& text) {
    const auto dash = text.find('-');
    const auto first = Address::parse(text.substr(0, dash));
    if (!first) {
        return {};
    }
    if (dash == std::string::npos) {
        return {*first};
    }
    const auto cut = text.find_last_of(first->family == Family::v4 ? "." : ":", dash);
    const auto last = Address::parse(text.substr(0, cut + 1) + text.substr(dash + 1));
    std::vector<Address> out;
    constexpr std::size_t most = 65536;
    for (Address address = *first; last && *first <= *last && out.size() < most; address = address.next()) {
        out.push_back(address);
        if (address == *last) {
            return out;
        }
    }
    return {};
}

std::string name_of(const ServiceAddress& address) {
    std::string name = fmt::format("{}-{}-{}", protocol_name(address.protocol), address.address.text(),
                                   address.ports.any() ? "all" : fmt::format("{}", address.ports.first));
    std::ranges::replace(name, ':', '.');
    return name.substr(0, limits::max_name_length);
}

ServiceAddress service_address(Protocol protocol, const SocketAddress& socket) {
    return {.protocol = protocol, .address = socket.address, .ports = {socket.port, socket.port}};
}

// ---- one virtual_server ----

struct SchedulerRow {
    std::string_view name;
    Scheduler becomes;
    std::string_view note; // "": it is the same
};

constexpr std::array schedulers{
    SchedulerRow{"rr", Scheduler::round_robin, ""},
    SchedulerRow{"wrr", Scheduler::round_robin, ""},
    SchedulerRow{"lc", Scheduler::least_connections, ""},
    SchedulerRow{"wlc", Scheduler::least_connections, ""},
    SchedulerRow{"sed", Scheduler::least_connections, "becomes least-connections"},
    SchedulerRow{"nq", Scheduler::least_connections, "becomes least-connections"},
    SchedulerRow{"sh", Scheduler::source_hash, ""},
    SchedulerRow{"mh", Scheduler::maglev, ""},
    SchedulerRow{"dh", Scheduler::maglev, "meant for caches by destination: maglev"},
    SchedulerRow{"lblc", Scheduler::maglev, "meant for caches by destination: maglev"},
    SchedulerRow{"lblcr", Scheduler::maglev, "meant for caches by destination: maglev"},
    SchedulerRow{"fo", Scheduler::maglev, "no failover by weight: maglev; mark the others as backup"},
    SchedulerRow{"ovf", Scheduler::maglev, "no overflow by weight: maglev"},
};
constexpr std::array weightless{"rr", "lc"}; // they know weight 0 alone

// A statement under either of its two names.
const Statement* find_either(const Statement& in, std::string_view name, std::string_view other) {
    const Statement* found = in.find(name);
    return found != nullptr ? found : in.find(other);
}

class VirtualServer {
  public:
    VirtualServer(const Statement& source, Notes& notes) : source_(source), notes_(notes) {}

    // None: it has no counterpart at all. Its address is still to be set.
    std::optional<Service> run() {
        if (!take_protocol()) {
            return std::nullopt;
        }
        take_scheduler();
        take_kind();
        for (const Statement& one : source_.block) {
            if (one.name() == "real_server") {
                take_real_server(one);
            } else if (one.name() == "sorry_server") {
                add_backend(one, 1, true);
            } else {
                take_other(one);
            }
        }
        fit_weights();
        service_.check = check_of(source_, service_.address.protocol, notes_);
        return service_;
    }

  private:
    bool take_protocol() {
        const Statement* protocol = source_.find("protocol");
        const std::string name = protocol == nullptr ? "TCP" : protocol->word(1);
        service_.address.protocol = name == "UDP" ? Protocol::udp : Protocol::tcp;
        if (name != "TCP" && name != "UDP") {
            notes_.add(protocol->line, fmt::format("{}: {}, nor is this virtual_server: expected TCP or UDP",
                                                   protocol->text(), left_out));
            return false;
        }
        return true;
    }

    void take_scheduler() {
        const Statement* told = find_either(source_, "lb_algo", "lvs_sched");
        const std::string name = told == nullptr ? "wlc" : told->word(1); // as IPVS has it
        const auto row = std::ranges::find(schedulers, name, &SchedulerRow::name);
        ignores_weights_ = std::ranges::find(weightless, name) != weightless.end();
        if (row == schedulers.end()) {
            notes_.add(told->line,
                       fmt::format("{}: unknown scheduler: {}", told->text(), enum_name(service_.scheduler)));
            return;
        }
        service_.scheduler = row->becomes;
        if (!row->note.empty()) {
            notes_.add(told == nullptr ? source_.line : told->line,
                       fmt::format("{}: {}", told == nullptr ? "lb_algo wlc" : told->text(), row->note));
        }
    }

    void take_kind() {
        const Statement* told = find_either(source_, "lb_kind", "lvs_method");
        const std::string name = told == nullptr ? "NAT" : told->word(1);
        service_.snat = Snat::always;
        if (name == "NAT") {
            notes_.add(told == nullptr ? source_.line : told->line,
                       "lb_kind NAT: snat = \"always\": servers see the Proxy IP, and need not have this host as their "
                       "gateway; where they have it, snat = \"auto\" with inline_networks keeps the client's address");
        } else {
            notes_.add(told->line,
                       fmt::format("{}: snat = \"always\": servers see the Proxy IP and answer through this host; take "
                                   "the VIP off their own interfaces",
                                   told->text()));
        }
    }

    void take_real_server(const Statement& one) {
        std::uint32_t weight = 1;
        const Statement* told = one.find("weight");
        told = told != nullptr ? told : source_.find("weight");
        if (told != nullptr) {
            const auto number = proxip::parse_number(told->word(1), 65535);
            weight = static_cast<std::uint32_t>(number.value_or(1));
            if (!number) {
                notes_.add(told->line, fmt::format("{}: not a weight, taken as 1", told->text()));
            }
        }
        add_backend(one, weight, false);
        constexpr std::array known{"weight", "delay_loop", "retry", "connect_timeout"};
        for (const Statement& inner : one.block) {
            if (inner.name() == "inhibit_on_failure") {
                note_inhibit(inner);
            } else if (!inner.name().ends_with("_CHECK") && !inner.name().ends_with("_GET") &&
                       std::ranges::find(known, inner.name()) == known.end()) {
                notes_.add(inner.line, fmt::format("{} of real_server: {}", inner.name(), left_out));
            }
        }
    }

    void note_inhibit(const Statement& one) {
        notes_.add(one.line,
                   "inhibit_on_failure: needs no key: connections of a backend that is down go on, and it only "
                   "gets no new ones (UDP is sent to another)");
    }

    void add_backend(const Statement& one, std::uint32_t weight, bool backup) {
        const auto socket = socket_of(one.word(1), one.word(2));
        if (!socket) {
            notes_.add(one.line, fmt::format("{}: {}: expected ADDRESS PORT", one.text(), left_out));
        } else if (service_.find(*socket) != nullptr) {
            notes_.add(one.line, fmt::format("{}: is a backend already, left out", one.text()));
        } else {
            service_.backends.push_back({.address = *socket, .weight = weight, .backup = backup, .enabled = {}});
        }
    }

    // lbagent knows weights up to 256; shares stay as they were.
    void fit_weights() {
        std::uint32_t highest = 0;
        for (Backend& backend : service_.backends) {
            backend.weight = ignores_weights_ ? std::min(backend.weight, 1U) : backend.weight;
            highest = std::max(highest, backend.weight);
        }
        if (highest <= limits::max_weight) {
            return;
        }
        notes_.add(source_.line, fmt::format("weights up to {} are scaled to at most {}", highest, limits::max_weight));
        for (Backend& backend : service_.backends) {
            const double share = static_cast<double>(backend.weight) * limits::max_weight / highest;
            backend.weight = backend.weight == 0 ? 0 : std::max(1U, static_cast<std::uint32_t>(std::lround(share)));
        }
    }

    void take_persistence(const Statement& one) {
        constexpr Millis usual{360'000}; // without a number (keepalived.conf(5))
        const auto value = one.words.size() == 1 ? usual : seconds(one.word(1));
        if (!value) {
            notes_.add(one.line, fmt::format("{}: not a number of seconds, left out", one.text()));
            return;
        }
        service_.affinity = std::clamp(*value, limits::min_affinity, limits::max_timeout);
    }

    void take_other(const Statement& one) {
        constexpr std::array known{"protocol",   "lb_algo", "lvs_sched", "lb_kind",        "lvs_method",
                                   "delay_loop", "weight",  "retry",     "connect_timeout"};
        if (one.name() == "persistence_timeout") {
            take_persistence(one);
        } else if (one.name() == "inhibit_on_failure") {
            note_inhibit(one);
        } else if (std::ranges::find(known, one.name()) == known.end()) {
            notes_.add(one.line, fmt::format("{} of virtual_server: {}", one.name(), left_out));
        }
    }

    const Statement& source_;
    Notes& notes_;
    Service service_;
    bool ignores_weights_ = false;
};

// ---- the file ----

class File {
  public:
    File(const std::vector<Statement>& statements, const Wishes& wishes) : statements_(statements), wishes_(wishes) {}

    Converted run() {
        for (const Statement& one : statements_) {
            if (one.name() == "virtual_server") {
                take_virtual_server(one);
            } else if (one.name() == "vrrp_instance") {
                take_vrrp(one);
            } else if (one.name() != "virtual_server_group") {
                notes_.add(one.line, fmt::format("{}: {}", one.name(), left_out));
            }
        }
        finish_agent();
        finish_pool();
        drop_unfit();
        return {.config = std::move(config_), .notes = std::move(notes_)};
    }

  private:
    void take_virtual_server(const Statement& one) {
        const auto sockets = sockets_of(one);
        if (sockets.empty()) {
            return;
        }
        const auto service = VirtualServer(one, notes_).run();
        for (const SocketAddress& socket : sockets) {
            if (service) {
                add_service(one, *service, socket);
            }
        }
    }

    std::vector<SocketAddress> sockets_of(const Statement& one) {
        if (one.word(1) == "fwmark") {
            notes_.add(one.line, fmt::format("{}: {}: {}", one.text(), left_out, no_marks));
            return {};
        }
        if (one.word(1) == "group") {
            return sockets_of_group(one);
        }
        const auto socket = socket_of(one.word(1), one.word(2));
        if (!socket) {
            notes_.add(one.line,
                       fmt::format("{}: {}: expected ADDRESS PORT, group NAME or fwmark N", one.text(), left_out));
            return {};
        }
        return {*socket};
    }

    std::vector<SocketAddress> sockets_of_group(const Statement& one) {
        const auto group = std::ranges::find_if(statements_, [&](const Statement& other) {
            return other.name() == "virtual_server_group" && other.word(1) == one.word(2);
        });
        if (group == statements_.end()) {
            notes_.add(one.line, fmt::format("{}: {}: there is no such virtual_server_group", one.text(), left_out));
            return {};
        }
        std::vector<SocketAddress> out;
        for (const Statement& member : group->block) {
            const auto addresses = addresses_of(member.word(0));
            const auto port = member.words.size() == 1 ? std::optional<std::uint64_t>(0)
                                                       : proxip::parse_number(member.word(1), 65535);
            if (member.word(0) == "fwmark") {
                notes_.add(member.line, fmt::format("{}: {}: {}", member.text(), left_out, no_marks));
                continue;
            }
            if (addresses.empty() || !port) {
                notes_.add(member.line,
                           fmt::format("{}: {}: expected ADDRESS PORT or FIRST-LAST PORT", member.text(), left_out));
                continue;
            }
            for (const Address& address : addresses) {
                out.push_back({address, static_cast<std::uint16_t>(*port)});
            }
        }
        return out;
    }

    void add_service(const Statement& one, Service service, const SocketAddress& socket) {
        service.address = service_address(service.address.protocol, socket);
        service.name = name_of(service.address);
        if (config_.service(service.name) != nullptr) {
            notes_.add(one.line, fmt::format("{} is a virtual_server already, left out", service.address.text()));
            return;
        }
        lines_[service.name] = one.line;
        std::erase_if(service.backends, [&](const Backend& backend) {
            const bool other = backend.address.address.family != socket.address.family;
            if (other) {
                notes_.add(one.line, fmt::format("backend {}: {}: it is of another family than the virtual_server",
                                                 backend.address.text(), left_out));
            }
            return other;
        });
        config_.services.push_back(std::move(service));
    }

    void take_vrrp(const Statement& one) {
        notes_.add(one.line,
                   "vrrp_instance: not translated: which host is active stays keepalived's to decide; lbagent "
                   "answers for the VIPs by itself, so they need not be addresses of the host");
        const Statement* interface = one.find("interface");
        if (interface != nullptr && wishes_.interfaces.empty() && !interface->word(1).empty()) {
            vrrp_interfaces_.insert(interface->word(1));
        }
    }

    void finish_agent() {
        std::vector<std::string> names = wishes_.interfaces;
        names.insert(names.end(), vrrp_interfaces_.begin(), vrrp_interfaces_.end());
        for (const std::string& name : names) {
            config_.agent.interfaces.push_back({.name = name, .xdp_mode = {}});
        }
        if (names.empty()) {
            notes_.add(
                0, "agent.interfaces is empty: name the interfaces of clients and servers there, or use --interface");
        }
    }

    // IPVS needs no Proxy IP, so the file has none.
    void finish_pool() {
        if (config_.services.empty()) {
            return;
        }
        ProxyPool pool{.name = "default", .addresses = wishes_.proxy_ips, .exclude_ports = {}};
        for (const auto& [family, place_holder] :
             {std::pair{Family::v4, "192.0.2.254"}, {Family::v6, "2001:db8::254"}}) {
            const bool needed = std::ranges::any_of(config_.services, [family = family](const Service& service) {
                return service.address.address.family == family;
            });
            if (needed && pool.address_count(family) == 0) {
                pool.addresses.push_back(*AddressRange::parse(place_holder));
                notes_.add(
                    0, fmt::format("the Proxy IP {} only holds a place: put a free address of your network there, or "
                                   "use --proxy-ip",
                                   place_holder));
            }
        }
        config_.pools.push_back(std::move(pool));
        raise_port_memory();
    }

    void raise_port_memory() {
        std::set<std::pair<Protocol, SocketAddress>> endpoints;
        std::uint64_t bytes = 0;
        const ProxyPool& pool = config_.pools.front();
        for (const Service& service : config_.services) {
            for (const Backend& backend : service.backends) {
                if (endpoints.emplace(service.address.protocol, backend.address).second) {
                    bytes += 2ULL * pool.port_count() * pool.address_count(backend.address.address.family);
                }
            }
        }
        constexpr std::uint64_t mebibyte = 1ULL << 20;
        if (bytes > config_.agent.max_port_memory) {
            config_.agent.max_port_memory = (bytes + mebibyte - 1) / mebibyte * mebibyte;
            notes_.add(
                0, fmt::format("max_port_memory is raised to {}: {} backends, each with all ports of the pool; fewer "
                               "ports need less",
                               bytes_text(config_.agent.max_port_memory), endpoints.size()));
        }
    }

    // What lbagent would refuse goes, one by one, with the reason.
    void drop_unfit() {
        if (validate(config_)) {
            return;
        }
        auto services = std::move(config_.services);
        config_.services.clear();
        if (auto rest = validate(config_); !rest) {
            notes_.add(0, "without a proxy_pool and interfaces, which are not right: " + rest.error().text());
            config_.pools.clear();
            config_.agent = {};
        }
        for (Service& service : services) {
            config_.services.push_back(std::move(service));
            if (auto valid = validate(config_); !valid) {
                notes_.add(lines_[config_.services.back().name],
                           fmt::format("{}, nor is this virtual_server: {}", left_out, valid.error().text()));
                config_.services.pop_back();
            }
        }
    }

    const std::vector<Statement>& statements_;
    const Wishes& wishes_;
    Config config_;
    Notes notes_;
    std::set<std::string> vrrp_interfaces_;
    std::map<std::string, std::size_t> lines_; // of services, by name
};

} // namespace

Result<Converted> convert_keepalived(std::string_view text, const Wishes& wishes) {
    auto statements = parse_keepalived(text);
    if (!statements) {
        return std::unexpected(std::move(statements.error()));
    }
    return File(*statements, wishes).run();
}

} // namespace proxip::cli::convert
