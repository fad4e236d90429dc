#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "policy/image.hpp"
#include "policy/port_arithmetic.hpp"

namespace {

using proxip::Address;
using proxip::AddressRange;
using proxip::Backend;
using proxip::Config;
using proxip::PortRange;
using proxip::Scheduler;
using proxip::Service;
using proxip::ServiceAddress;
using proxip::Snat;
using proxip::SocketAddress;
using proxip::policy::compile;
using proxip::policy::Identities;
using proxip::policy::Image;
using proxip::policy::port_arithmetic;
namespace abi = proxip::abi;

constexpr std::uint32_t seed = 1;

bool all(const Service& /*service*/, const Backend& /*backend*/) {
    return true;
}

Backend backend(const char* address, std::uint32_t weight = 1, bool backup = false) {
    return {.address = SocketAddress::parse(address).value(), .weight = weight, .backup = backup, .enabled = {}};
}

Service service(const char* name, const char* address, std::vector<Backend> backends) {
    Service out;
    out.name = name;
    out.address = ServiceAddress::parse(address).value();
    out.backends = std::move(backends);
    return out;
}

Config config() {
    Config out;
    out.pools.push_back({.name = "default",
                         .addresses = {AddressRange::parse("192.0.2.254").value()},
                         .ports = {1024, 65535},
                         .exclude_ports = {}});
    out.services.push_back(
        service("web", "tcp://192.0.2.80:80", {backend("203.0.113.11:80"), backend("203.0.113.12:80")}));
    return out;
}

// How many of a service's positions each backend has, by its number.
std::map<std::uint16_t, std::size_t> positions(const Image& image, std::size_t number = 0) {
    const auto& entry = image.services.at(number).entry;
    std::map<std::uint16_t, std::size_t> out;
    for (std::uint32_t i = 0; i < entry.lookup_count; ++i) {
        ++out[image.lookup.at(entry.lookup_first + i)];
    }
    return out;
}

std::size_t fresh_rings(const Image& image) {
    return static_cast<std::size_t>(
        std::count_if(image.rings.begin(), image.rings.end(), [](const auto& ring) { return ring.fresh; }));
}

} // namespace

TEST_CASE("image: shares follow the weights", "[policy]") {
    Config wanted = config();
    wanted.services[0].backends = {backend("203.0.113.11:80", 1), backend("203.0.113.12:80", 3)};
    Identities ids;
    const auto shares = positions(compile(wanted, all, ids, seed).value());
    const double ratio = static_cast<double>(shares.at(1)) / static_cast<double>(shares.at(0));
    CHECK(ratio == Approx(3.0).epsilon(0.1));

    wanted.services[0].scheduler = Scheduler::round_robin;
    const auto turns = positions(compile(wanted, all, ids, seed).value());
    CHECK(turns.at(0) == 1);
    CHECK(turns.at(1) == 3);
}

TEST_CASE("image: weight 0 and what is not available take no new connections", "[policy]") {
    Config wanted = config();
    wanted.services[0].backends = {backend("203.0.113.11:80"), backend("203.0.113.12:80", 0),
                                   backend("203.0.113.13:80")};
    const auto down = wanted.services[0].backends[2].address;
    Identities ids;
    const auto image = compile(
                           wanted, [&](const Service&, const Backend& b) { return b.address != down; }, ids, seed,
                           [&](const Service&, const Backend& b) { return b.address == down; })
                           .value();
    CHECK(positions(image).size() == 1);
    CHECK(positions(image).contains(0));
    CHECK(image.services[0].entry.backend_count == 3); // their connections go on
    std::map<std::uint32_t, std::uint32_t> marked;
    for (const auto& [id, binding] : image.bindings) {
        marked[binding.endpoint] = binding.flags & abi::ABI_BINDING_DOWN;
    }
    CHECK(marked.at(image.backends[0].endpoint) == 0);
    CHECK(marked.at(image.backends[2].endpoint) != 0);
}

TEST_CASE("image: a backup stands in only where there is no other", "[policy]") {
    Config wanted = config();
    wanted.services[0].backends = {backend("203.0.113.11:80"), backend("203.0.113.12:80", 1, true)};
    Identities ids;
    CHECK(positions(compile(wanted, all, ids, seed).value()).contains(0));
    CHECK_FALSE(positions(compile(wanted, all, ids, seed).value()).contains(1));

    const auto only_backups = [](const Service&, const Backend& b) { return b.backup; };
    const auto stood_in = positions(compile(wanted, only_backups, ids, seed).value());
    CHECK(stood_in.size() == 1);
    CHECK(stood_in.contains(1));

    const auto none = [](const Service&, const Backend&) { return false; };
    CHECK(compile(wanted, none, ids, seed).value().services[0].entry.lookup_count == 0);
}

TEST_CASE("image: ids stay over a recompilation, and nothing is fresh then", "[policy]") {
    Identities ids;
    const auto first = compile(config(), all, ids, seed).value();
    CHECK(fresh_rings(first) == 2);
    CHECK(first.new_chunks == std::vector<std::uint32_t>{2});

    Config more = config();
    more.services.insert(more.services.begin(), service("dns", "udp://192.0.2.80:53", {backend("203.0.113.11:53")}));
    const auto second = compile(more, all, ids, seed).value();
    CHECK(second.services[1].id == first.services[0].id);
    CHECK(fresh_rings(second) == 1);
    for (const auto& ring : first.rings) {
        const auto same =
            std::find_if(second.rings.begin(), second.rings.end(), [&](const auto& r) { return r.id == ring.id; });
        REQUIRE(same != second.rings.end());
        CHECK(same->entry.chunk == ring.entry.chunk);
        CHECK(same->entry.slab == ring.entry.slab);
        CHECK(same->entry.base == ring.entry.base);
    }
}

TEST_CASE("image: an id is given to something else only after collect()", "[policy]") {
    Identities ids;
    const auto first = compile(config(), all, ids, seed).value();
    Config other = config();
    other.services[0].address = ServiceAddress::parse("tcp://192.0.2.81:80").value();
    const auto second = compile(other, all, ids, seed).value();
    CHECK(second.services[0].id != first.services[0].id);

    const auto still_open = collect(ids, second.named, first.named);
    CHECK(still_open.services.empty());
    const auto freed = collect(ids, second.named, {});
    CHECK(freed.services == std::set{first.services[0].id});

    other.services.push_back(service("new", "tcp://192.0.2.82:80", {backend("203.0.113.11:80")}));
    CHECK(compile(other, all, ids, seed).value().services[1].id == first.services[0].id);
}

TEST_CASE("image: an endpoint of two services shares its ports", "[policy]") {
    Config wanted = config();
    wanted.services.push_back(service("web2", "tcp://192.0.2.81:80", {backend("203.0.113.11:80")}));
    Identities ids;
    const auto image = compile(wanted, all, ids, seed).value();
    CHECK(image.endpoints.size() == 2);
    CHECK(image.rings.size() == 2);
    CHECK(image.bindings.size() == 3);
    CHECK(image.backends[0].endpoint == image.backends[2].endpoint);
    CHECK(image.backends[0].source_first == image.backends[2].source_first);
    CHECK(image.backends[0].binding != image.backends[2].binding);

    wanted.services.push_back(service("dns", "udp://192.0.2.81:80", {backend("203.0.113.11:80")}));
    CHECK(compile(wanted, all, ids, seed).value().rings.size() == 3); // another protocol has ports of its own
}

TEST_CASE("image: other ports make other rings, and the old ones stay where they are", "[policy]") {
    Identities ids;
    const auto first = compile(config(), all, ids, seed).value();
    Config wanted = config();
    wanted.pools[0].ports = {2000, 2999};
    wanted.pools[0].exclude_ports = {{2500, 2599}};
    const auto second = compile(wanted, all, ids, seed).value();
    CHECK(fresh_rings(second) == 2);
    for (const auto& ring : second.rings) {
        CHECK_FALSE(first.named.rings.contains(ring.id));
        CHECK(ring.entry.count == 900);
        REQUIRE(ring.entry.segments == 2);
        CHECK(ring.entry.segment[0].first == 2000);
        CHECK(ring.entry.segment[0].count_minus_one == 499);
        CHECK(ring.entry.segment[1].first == 2600);
        CHECK(ring.entry.segment[1].count_minus_one == 399);
    }
    CHECK(ids.rings.all().size() == 4);
}

TEST_CASE("image: rings of different Proxy IPs and endpoints start in different orders", "[policy]") {
    Config wanted = config();
    wanted.pools[0].addresses = {AddressRange::parse("192.0.2.240/28").value()};
    Identities ids;
    const auto image = compile(wanted, all, ids, seed).value();
    std::set<std::uint32_t> seeds;
    for (const auto& ring : image.rings) {
        seeds.insert(ring.entry.seed);
    }
    CHECK(image.rings.size() == 32);
    CHECK(seeds.size() == 32);
}

TEST_CASE("image: a service without a Proxy IP needs no ports", "[policy]") {
    Config wanted = config();
    wanted.services[0].snat = Snat::never;
    Identities ids;
    const auto image = compile(wanted, all, ids, seed).value();
    CHECK(image.rings.empty());
    CHECK(image.backends[0].source_count == 0);
    CHECK(port_arithmetic(wanted).bytes == 0);
}

TEST_CASE("image: matches name each port of a range, and none stands for all", "[policy]") {
    Config wanted = config();
    wanted.services.push_back(service("range", "tcp://192.0.2.81:8000-8003", {backend("203.0.113.11")}));
    wanted.services.push_back(service("all", "tcp://192.0.2.82:*", {backend("203.0.113.11")}));
    Identities ids;
    const auto image = compile(wanted, all, ids, seed).value();
    std::map<proxip::policy::Id, std::vector<int>> ports;
    for (const auto& [match, id] : image.matches) {
        ports[id].push_back(match.port);
    }
    CHECK(ports.at(image.services[0].id) == std::vector{80});
    CHECK(ports.at(image.services[1].id) == std::vector{8000, 8001, 8002, 8003});
    CHECK(ports.at(image.services[2].id) == std::vector{0});
}

TEST_CASE("image: a range that ends with the last port ends", "[policy]") {
    Config wanted = config();
    wanted.services = {service("top", "tcp://192.0.2.80:65534-65535", {backend("203.0.113.11")})};
    Identities ids;
    CHECK(compile(wanted, all, ids, seed).value().matches.size() == 2);
}

TEST_CASE("port arithmetic: 2 bytes x ports x addresses x endpoints", "[policy]") {
    Config wanted = config();
    wanted.pools[0].addresses = {AddressRange::parse("192.0.2.240/28").value(),
                                 AddressRange::parse("192.0.2.10-192.0.2.12").value()};
    wanted.pools[0].ports = {1024, 65535};
    wanted.pools[0].exclude_ports = {{1024, 1123}};
    const auto need = port_arithmetic(wanted);
    CHECK(need.endpoints == 2);
    CHECK(need.bytes == 2ULL * (64512 - 100) * (16 + 3) * 2);
    REQUIRE(need.pools.size() == 1);
    CHECK(need.pools[0] == proxip::policy::PortArithmetic::Pool{"default", 64512 - 100, 16 + 3, 2, need.bytes});

    wanted.services.push_back(service("web2", "tcp://192.0.2.81:80", {backend("203.0.113.11:80")}));
    CHECK(port_arithmetic(wanted).bytes == need.bytes); // the same endpoint
    wanted.services.push_back(service("web3", "tcp://192.0.2.81:81", {backend("203.0.113.13:80")}));
    CHECK(port_arithmetic(wanted).bytes == need.bytes / 2 * 3);

    wanted.agent.max_port_memory = need.bytes / 2 * 3;
    CHECK(proxip::policy::check_port_memory(wanted).has_value());
    wanted.agent.max_port_memory -= 1;
    const auto refused = proxip::policy::check_port_memory(wanted);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == proxip::ErrorCode::refused);
    CHECK(refused.error().path == "agent.max_port_memory");
}

TEST_CASE("image: of a pool with both families a service has the Proxy IPs of its own", "[policy]") {
    Config wanted = config();
    wanted.pools[0].addresses = {AddressRange::parse("2001:db8::fe00-2001:db8::fe02").value(),
                                 AddressRange::parse("192.0.2.254").value()};
    wanted.services = {service("six", "tcp://[2001:db8::80]:80", {backend("[2001:db8:1::11]:80")}),
                       service("four", "tcp://192.0.2.80:80", {backend("203.0.113.11:80")}),
                       service("six too", "tcp://[2001:db8::81]:80", {backend("[2001:db8:1::11]:80")})};
    Identities ids;
    const auto image = compile(wanted, all, ids, seed).value();
    const auto proxies_of = [&](std::size_t number) {
        std::vector<std::string> out;
        const auto& entry = image.backends.at(number);
        for (std::uint32_t i = 0; i < entry.source_count; ++i) {
            const auto id = image.sources.at(entry.source_first + i).proxy;
            const auto found = std::ranges::find(image.proxies, id, [](const auto& proxy) { return proxy.first; });
            REQUIRE(found != image.proxies.end());
            out.push_back(proxip::policy::from_abi(found->second.address, found->second.family).text());
        }
        return out;
    };
    CHECK(proxies_of(0) == std::vector<std::string>{"2001:db8::fe00", "2001:db8::fe01", "2001:db8::fe02"});
    CHECK(proxies_of(1) == std::vector<std::string>{"192.0.2.254"});
    CHECK(proxies_of(2) == proxies_of(0));
    CHECK(image.rings.size() == 4);
    CHECK(port_arithmetic(wanted).bytes == 2ULL * 64512 * image.rings.size());
    CHECK(port_arithmetic(wanted).endpoints == 2);
    CHECK(image.services[0].vip.family == abi::ABI_IPV6);
    CHECK(image.matches[0].first.family == abi::ABI_IPV6);
    CHECK(image.endpoints[0].second.family == abi::ABI_IPV6);
}

TEST_CASE("image: refused with its place when the kernel's tables are too small", "[policy]") {
    Config wanted = config();
    wanted.services.clear();
    for (int i = 0; i < 3; ++i) {
        const std::string address = "tcp://192.0.2." + std::to_string(80 + i) + ":1-65535";
        wanted.services.push_back(service("wide", address.c_str(), {backend("203.0.113.11")}));
    }
    Identities ids;
    const auto refused = compile(wanted, all, ids, seed);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == proxip::ErrorCode::refused);
    CHECK_THAT(refused.error().message, Catch::Contains("196605 (VIP, port) pairs"));
}

TEST_CASE("schedules: made anew when what they are made from changed", "[policy]") {
    Config wanted = config();
    Service& web = wanted.services[0];
    proxip::policy::Schedules schedules;
    const auto table_of = [&](const std::vector<std::uint32_t>& weights) {
        proxip::policy::Rotation rotation;
        for (const std::uint32_t weight : weights) {
            rotation.shares.push_back({.weight = weight});
        }
        return &schedules.of(web, rotation);
    };
    const auto owners = [](const std::vector<std::uint16_t>& table) { return std::set(table.begin(), table.end()); };
    const auto* first = table_of({1, 1});
    const auto* data = first->data();
    CHECK(owners(*first) == std::set<std::uint16_t>{0, 1});
    CHECK(table_of({1, 1})->data() == data); // the same one
    CHECK(owners(*table_of({0, 1})) == std::set<std::uint16_t>{1});
    CHECK(owners(*table_of({1, 1})) == std::set<std::uint16_t>{0, 1});
    CHECK(table_of({0, 0})->empty());
    web.scheduler = Scheduler::round_robin;
    CHECK(table_of({2, 1})->size() == 3);
    web.scheduler = Scheduler::maglev;
    const auto maglev = *table_of({1, 1});
    web.backends[0] = backend("203.0.113.13:80"); // the same weights, another server
    CHECK(*table_of({1, 1}) != maglev);
}
