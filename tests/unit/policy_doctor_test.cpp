// Each rule of the doctor: what it finds, what it leaves alone, and the command that it prints.

#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "policy/doctor.hpp"

namespace policy_doctor_test {
namespace {

using namespace proxip::policy::doctor;
using proxip::Address;
using proxip::DoctorCheck;
using proxip::Severity;
using proxip::Snat;
using proxip::SocketAddress;
using proxip::XdpMode;
using proxip::policy::Basis;
using proxip::policy::Health;

Interface interface(std::string name) {
    Interface out;
    out.name = std::move(name);
    out.named = true;
    out.attached = true;
    out.driver = "ixgbe";
    out.takes_redirects = true;
    out.mtu = 1500;
    return out;
}

Server server(std::string_view address, Health health = Health::up) {
    return {.service = "web",
            .address = SocketAddress::parse(address).value(),
            .protocol = proxip::Protocol::tcp,
            .health = health,
            .last_check = "connection refused"};
}

// A host where nothing is wrong.
Facts healthy() {
    Facts facts;
    facts.interfaces = {interface("eth0")};
    facts.addresses = {{.address = Address::parse("1.1.1.80").value(), .vip = true},
                       {.address = Address::parse("1.1.1.254").value(), .vip = false}};
    facts.servers = {server("1.1.1.11:80"), server("1.1.1.12:80")};
    facts.ways = {{.link = "eth0",
                   .next = Address::parse("1.1.1.11").value(),
                   .servers = {server("1.1.1.11:80")},
                   .known = true,
                   .answers = true,
                   .no_route = "",
                   .count = 1}};
    facts.services = {{.service = "web", .basis = Basis::checks, .has_backends = true}};
    facts.pools = {{.name = "default",
                    .protocol = proxip::Protocol::tcp,
                    .endpoint = SocketAddress::parse("1.1.1.11:80").value(),
                    .in_use = 10,
                    .capacity = 100}};
    facts.port_memory = 1000;
    facts.max_port_memory = 10000;
    facts.connections = 10;
    facts.max_connections = 1024;
    facts.drops = {{"service_not_found", 1000}, {"proxy_unsolicited", 7}, {"no_backend_available", 0}};
    facts.clock = Clock{};
    facts.bpffs = Bpffs{.folder = "/sys/fs/bpf/proxip"};
    facts.memory = Memory{.cgroup = "/lbagent", .used = 10, .limit = 100};
    facts.config_path = "/etc/proxip/lb.toml";
    facts.reload = "kill -HUP 7";
    facts.restart = "kill 7, and start it again";
    return facts;
}

std::vector<Finding> found(const Facts& facts) {
    return diagnose(facts).findings;
}

// The one finding that there is.
Finding only(const Facts& facts) {
    const auto findings = found(facts);
    REQUIRE(findings.size() == 1);
    const Finding& one = findings.front();
    CHECK_FALSE(one.subject.empty());
    CHECK_FALSE(one.what.empty());
    CHECK_FALSE(one.why.empty());
    CHECK_FALSE(one.fix.empty());
    return one;
}

bool says(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

Silence silence() {
    return {.server = server("1.1.1.12:80"),
            .snat = Snat::never,
            .checked = true,
            .resolved = true,
            .pool = "default",
            .pool_exists = true,
            .connections = 3,
            .neighbours = 3,
            .client = Address::parse("1.1.1.11").value(),
            .answers_others = false};
}

Facts with(const Silence& silence) {
    Facts facts = healthy();
    facts.silences = {silence};
    return facts;
}

} // namespace

TEST_CASE("doctor: a healthy host", "[doctor]") {
    const auto diagnosis = diagnose(healthy());
    CHECK(diagnosis.findings.empty());
    // All checks but the three that lbctl makes by itself.
    CHECK(diagnosis.ok.size() == proxip::doctor_checks.size() - 3);
    CHECK(std::set(diagnosis.ok.begin(), diagnosis.ok.end()).size() == diagnosis.ok.size());
}

TEST_CASE("doctor: what could not be read is neither found nor well", "[doctor]") {
    Facts facts = healthy();
    facts.memory.reset();
    const auto diagnosis = diagnose(facts);
    CHECK(diagnosis.findings.empty());
    CHECK(std::ranges::find(diagnosis.ok, DoctorCheck::memory) == diagnosis.ok.end());
}

TEST_CASE("doctor: every check has a name of its own", "[doctor]") {
    std::set<std::string_view> names;
    for (const auto& one : proxip::doctor_checks) {
        CHECK(names.insert(one.name).second);
        CHECK(proxip::name_of(one.check) == one.name);
    }
}

TEST_CASE("doctor: the worst first", "[doctor]") {
    Facts facts = healthy();
    facts.drift = true;
    facts.interfaces[0].mode = XdpMode::generic;
    facts.file_trouble = "lb.toml:3: unknown key";
    const auto findings = found(facts);
    REQUIRE(findings.size() == 3);
    CHECK(findings[0].severity == Severity::error);
    CHECK(findings[1].severity == Severity::warning);
    CHECK(findings[2].severity == Severity::note);
}

TEST_CASE("doctor: an interface that is not there, or whose hook another program has", "[doctor]") {
    Facts facts = healthy();
    facts.interfaces[0].present = false;
    facts.interfaces[0].attached = false;
    CHECK(only(facts).severity == Severity::error);
    facts.interfaces[0].present = true;
    facts.interfaces[0].trouble = "eth0: its XDP hook is held by the program \"other\" (id 7)";
    const auto held = only(facts);
    CHECK(held.check == DoctorCheck::interface);
    CHECK(says(held.what, "\"other\" (id 7)"));
    CHECK(held.fix == "ip link set dev eth0 xdp off");
}

TEST_CASE("doctor: generic mode, wanted or not", "[doctor]") {
    Facts facts = healthy();
    facts.interfaces[0].mode = XdpMode::generic;
    const auto refused = only(facts);
    CHECK(refused.check == DoctorCheck::xdp_mode);
    CHECK(refused.severity == Severity::warning);
    CHECK(says(refused.what, "ixgbe"));
    facts.interfaces[0].asked = XdpMode::generic;
    CHECK(only(facts).severity == Severity::note);
}

TEST_CASE("doctor: a driver without redirect is worth a note, a virtual device is not", "[doctor]") {
    Facts facts = healthy();
    facts.interfaces[0].takes_redirects = false;
    CHECK(only(facts).check == DoctorCheck::redirect);
    CHECK(only(facts).severity == Severity::note);
    facts.interfaces[0].is_virtual = true;
    CHECK(found(facts).empty());
}

TEST_CASE("doctor: frames that queues lost", "[doctor]") {
    Facts facts = healthy();
    facts.interfaces[0].redirect_errors = 12;
    const auto lost = only(facts);
    CHECK(lost.check == DoctorCheck::redirect_errors);
    CHECK(says(lost.what, "12 frames"));
    CHECK(says(lost.fix, "ethtool -S eth0"));
}

TEST_CASE("doctor: offloads", "[doctor]") {
    Facts facts = healthy();
    facts.interfaces[0].merges = true;
    CHECK(only(facts).check == DoctorCheck::offloads);
    CHECK(only(facts).fix == "ethtool -K eth0 lro off rx-gro-hw off");
}

TEST_CASE("doctor: tags that the NIC takes off matter where there are VLANs, in native mode", "[doctor]") {
    Facts facts = healthy();
    facts.interfaces[0].strips_tags = true;
    CHECK(found(facts).empty());
    facts.interfaces[0].vlans = {"eth0.7"};
    CHECK(only(facts).check == DoctorCheck::vlan);
    CHECK(only(facts).fix == "ethtool -K eth0 rxvlan off");
    facts.interfaces[0].mode = XdpMode::generic;
    facts.interfaces[0].asked = XdpMode::generic;
    CHECK(only(facts).check == DoctorCheck::xdp_mode);
}

TEST_CASE("doctor: the way to the backends is narrower than the clients'", "[doctor]") {
    Facts facts = healthy();
    facts.interfaces.push_back(interface("eth1"));
    CHECK(found(facts).empty());
    facts.interfaces[1].named = false;
    facts.interfaces[1].attached = false;
    facts.interfaces[1].mtu = 1400;
    const auto narrow = only(facts);
    CHECK(narrow.check == DoctorCheck::mtu);
    CHECK(narrow.subject == "eth1");
    CHECK(narrow.fix == "ip link set dev eth1 mtu 1500");
}

TEST_CASE("doctor: another host has an address of ours", "[doctor]") {
    Facts facts = healthy();
    facts.addresses[0].other_mac = "02:00:00:00:00:07";
    facts.addresses[0].other_link = "eth0";
    const auto conflict = only(facts);
    CHECK(conflict.check == DoctorCheck::address_conflict);
    CHECK(conflict.severity == Severity::error);
    CHECK(says(conflict.what, "02:00:00:00:00:07 on eth0"));
}

TEST_CASE("doctor: an address of ours is this host's too", "[doctor]") {
    Facts facts = healthy();
    facts.addresses[0].of_host = true;
    facts.addresses[0].host_link = "lo";
    facts.addresses[0].host_prefix = 32;
    const auto assigned = only(facts);
    CHECK(assigned.check == DoctorCheck::local_address);
    CHECK(assigned.severity == Severity::warning);
    CHECK(says(assigned.why, "local traffic does not pass XDP"));
    CHECK(assigned.fix == "ip addr del 1.1.1.80/32 dev lo");
    facts.addresses[0].of_host = false;
    facts.addresses[0].routed_local = true;
    CHECK(only(facts).fix == "ip route del local 1.1.1.80 table local");
}

TEST_CASE("doctor: next hops", "[doctor]") {
    Facts facts = healthy();
    facts.ways[0].known = false;
    facts.ways[0].answers = false;
    const auto unknown = only(facts);
    CHECK(unknown.check == DoctorCheck::next_hop);
    CHECK(unknown.severity == Severity::error);
    CHECK(says(unknown.what, "does not answer ARP on eth0"));
    CHECK(unknown.fix == "lbctl backend disable web 1.1.1.11:80");
    SECTION("of one that the checks found down already") {
        facts.ways[0].servers[0].health = Health::down;
        CHECK(only(facts).severity == Severity::warning);
    }
    SECTION("that stopped answering") {
        facts.ways[0].known = true;
        CHECK(only(facts).severity == Severity::warning);
        CHECK(says(only(facts).what, "any more"));
    }
    SECTION("without a route") {
        facts.ways[0].no_route = "no route to host 1.1.1.11";
        CHECK(only(facts).what == "no route to host 1.1.1.11");
    }
    SECTION("of many") {
        facts.ways[0].count = 30;
        CHECK(says(only(facts).why, "29 more"));
    }
    SECTION("of nobody that gets connections") {
        facts.ways[0].servers.clear();
        CHECK(found(facts).empty());
    }
}

TEST_CASE("doctor: asymmetric return", "[doctor]") {
    const auto blamed = only(with(silence()));
    CHECK(blamed.check == DoctorCheck::asymmetric_return);
    CHECK(blamed.severity == Severity::error);
    CHECK(blamed.subject == "web: 1.1.1.12:80");
    CHECK(says(blamed.what, "1.1.1.11, which is on the server's own segment"));
    CHECK(says(blamed.why, "A Proxy IP brings the answers back"));
    CHECK(blamed.fix == "lbctl service set web --snat always");
}

TEST_CASE("doctor: asymmetric return is not guessed", "[doctor]") {
    Silence one = silence();
    SECTION("a server that is dead") {
        one.server.health = Health::down;
    }
    SECTION("a host that is not there") {
        one.resolved = false;
    }
    SECTION("a service that has a Proxy IP by now") {
        one.snat = Snat::always;
    }
    SECTION("one silent call from afar") {
        one.connections = 1;
        one.neighbours = 0;
    }
    SECTION("silent calls from afar, and others are answered") {
        one.neighbours = 0;
        one.answers_others = true;
    }
    CHECK(found(with(one)).empty());
}

TEST_CASE("doctor: asymmetric return, how sure it is", "[doctor]") {
    Silence one = silence();
    one.neighbours = 0;
    one.client = Address::parse("9.9.9.9").value();
    CHECK(only(with(one)).severity == Severity::error); // the check is up, and three got no answer
    one.checked = false;
    one.server.health = Health::unknown;
    const auto likely = only(with(one));
    CHECK(likely.severity == Severity::warning);
    CHECK(says(likely.why, "likely"));
    one.connections = 1;
    one.neighbours = 1;
    one.client = one.server.address.address;
    CHECK(only(with(one)).severity == Severity::error); // one of a neighbour is enough
    CHECK(says(only(with(one)).what, "which is the server itself"));
}

TEST_CASE("doctor: the Proxy IP needs a pool first", "[doctor]") {
    Silence one = silence();
    one.pool_exists = false;
    CHECK(only(with(one)).fix == "lbctl pool add default PROXY-IP && lbctl service set web --snat always");
}

TEST_CASE("doctor: health", "[doctor]") {
    Facts facts = healthy();
    facts.servers[1].health = Health::down;
    CHECK(only(facts).severity == Severity::warning);
    CHECK(says(only(facts).what, "connection refused"));
    facts = healthy();
    facts.services[0].basis = Basis::nobody;
    CHECK(only(facts).severity == Severity::error);
    facts.services[0].has_backends = false; // an operator's doing
    CHECK(only(facts).severity == Severity::warning);
    facts.services[0] = {.service = "web", .basis = Basis::kept_last, .has_backends = true};
    CHECK(only(facts).severity == Severity::warning);
}

TEST_CASE("doctor: proxy ports", "[doctor]") {
    Facts facts = healthy();
    facts.pools[0].in_use = 79;
    CHECK(found(facts).empty());
    facts.pools[0].in_use = 80;
    CHECK(only(facts).severity == Severity::warning);
    CHECK(only(facts).subject == "default towards tcp://1.1.1.11:80");
    facts.pools[0].in_use = 100;
    CHECK(only(facts).severity == Severity::error);
    CHECK(only(facts).fix == "lbctl pool set default --add ADDRESS");
}

TEST_CASE("doctor: port memory and the table of connections", "[doctor]") {
    Facts facts = healthy();
    facts.port_memory = 8000;
    CHECK(only(facts).check == DoctorCheck::port_memory);
    facts = healthy();
    facts.connections = 900;
    CHECK(only(facts).check == DoctorCheck::connection_table);
    CHECK(only(facts).severity == Severity::warning);
    facts.connections = 1024;
    CHECK(only(facts).severity == Severity::error);
}

TEST_CASE("doctor: drops that grow, of reasons that can be mended", "[doctor]") {
    Facts facts = healthy();
    facts.drops["connection_table_full"] = 5;
    const auto full = only(facts);
    CHECK(full.check == DoctorCheck::drops);
    CHECK(full.severity == Severity::error);
    CHECK(full.subject == "connection_table_full");
    CHECK(says(full.what, "5 packets in the last 60 s"));
    facts = healthy();
    for (const char* reason : {"proxy_ports_exhausted", "next_hop_unresolved", "no_backend_available", "no_way_out"}) {
        facts.drops = {{reason, 1}};
        CHECK(only(facts).severity == Severity::error);
    }
    for (const char* reason :
         {"packet_too_big", "translate_failed", "reply_tuple_taken", "service_limit_reached", "client_limit_reached",
          "client_ports_exhausted", "backend_limit_reached", "fragment_before_first"}) {
        facts.drops = {{reason, 1}};
        CHECK(only(facts).severity == Severity::warning);
    }
}

TEST_CASE("doctor: the data plane's timer", "[doctor]") {
    Facts facts = healthy();
    facts.seconds_since_sweep = 2;
    CHECK(found(facts).empty());
    facts.seconds_since_sweep = 60;
    CHECK(only(facts).check == DoctorCheck::heartbeat);
    CHECK(only(facts).severity == Severity::error);
}

TEST_CASE("doctor: the wall clock matters where something goes by it", "[doctor]") {
    Facts facts = healthy();
    facts.clock = Clock{.synchronised = false, .stepped_seconds = -300, .needed_by = ""};
    CHECK(found(facts).empty());
    facts.clock->needed_by = "the NAT log";
    const auto findings = found(facts);
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].severity == Severity::note);
    CHECK(says(findings[1].what, "set back by 300 s"));
}

TEST_CASE("doctor: bpffs", "[doctor]") {
    Facts facts = healthy();
    facts.bpffs->mounted = false;
    CHECK(only(facts).severity == Severity::error);
    CHECK(says(only(facts).fix, "mount -t bpf"));
    facts.bpffs->mounted = true;
    facts.bpffs->pinned = false;
    CHECK(only(facts).severity == Severity::error);
    facts.bpffs->pinned = true;
    facts.bpffs->own_mounts = true;
    CHECK(only(facts).severity == Severity::warning);
}

TEST_CASE("doctor: memory of the cgroup", "[doctor]") {
    Facts facts = healthy();
    facts.memory->used = 95;
    CHECK(only(facts).check == DoctorCheck::memory);
    facts.memory->limit = 0;
    CHECK(found(facts).empty());
}

TEST_CASE("doctor: the file, drift, warnings, metrics", "[doctor]") {
    Facts facts = healthy();
    facts.file_trouble = "lb.toml:3: unknown key";
    CHECK(only(facts).check == DoctorCheck::config_file);
    CHECK(only(facts).severity == Severity::error);
    CHECK(only(facts).fix == "lbagent --check --config /etc/proxip/lb.toml; mend it, and: kill -HUP 7");
    facts = healthy();
    facts.drift = true;
    CHECK(only(facts).severity == Severity::note);
    CHECK(only(facts).fix == "lbctl dump > /etc/proxip/lb.toml && lbctl apply -f /etc/proxip/lb.toml");
    facts = healthy();
    facts.warnings = {"service[web]: has no backend: every new connection is refused"};
    CHECK(only(facts).subject == "service[web]");
    facts = healthy();
    facts.metrics_trouble = "cannot listen on 127.0.0.1:9631";
    CHECK(only(facts).check == DoctorCheck::metrics);
}

TEST_CASE("doctor: what the NAT log loses", "[doctor]") {
    Facts facts = healthy();
    facts.nat_log.folder = "/var/lib/proxip/nat-log";
    facts.nat_log.buffer = 65536;
    facts.nat_log.lines = "/var/log/nat.json";
    CHECK(found(facts).empty());
    SECTION("it cannot be written") {
        facts.nat_log.trouble = "/var/lib/proxip/nat-log/7.nat: write: No space left on device";
        facts.nat_log.unwritten = 12;
        const Finding one = only(facts);
        CHECK(one.severity == Severity::error);
        CHECK(one.subject == "/var/lib/proxip/nat-log");
        CHECK(says(one.what, "No space left"));
        CHECK(says(one.fix, "df -h /var/lib/proxip/nat-log"));
    }
    SECTION("it can be again, but something is missing") {
        facts.nat_log.unwritten = 12;
        const Finding one = only(facts);
        CHECK(one.severity == Severity::warning);
        CHECK(says(one.what, "12 since the agent started"));
    }
    SECTION("events found no room") {
        facts.nat_log.lost = 1977;
        const Finding one = only(facts);
        CHECK(one.severity == Severity::warning);
        CHECK(says(one.what, "1977 since the data plane began: its buffer of 64KiB"));
        CHECK(says(one.fix, "raise nat_log.buffer in /etc/proxip/lb.toml"));
    }
    SECTION("a collector misses lines") {
        facts.nat_log.lines_trouble = "/var/log/nat.json: its reader is too slow";
        const Finding one = only(facts);
        CHECK(one.severity == Severity::warning);
        CHECK(one.fix == "ls -l /var/log/nat.json; when it can be written: kill -HUP 7");
    }
}

} // namespace policy_doctor_test
