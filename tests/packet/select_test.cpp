#include <cstdlib>
#include <map>

#include <bpf/bpf.h>
#include <catch2/catch.hpp>

#include "packet/families.hpp"
#include "packet/rig.hpp"

// Which backend: least connections, client affinity, limits of a backend, clients that are allowed.

namespace proxip::packet {

namespace select_test {
namespace {

constexpr Ip second_backend = {203, 0, 113, 12};

Config with_backends(std::initializer_list<Backend> backends) {
    Config config = basic_config();
    config.services[0].backends = backends;
    return config;
}

Config two_backends() {
    return with_backends({backend_at(backend, backend_port), backend_at(second_backend, backend_port)});
}

// Live connections by backend.
std::map<std::string, int> loads(const Rig& rig) {
    std::map<std::string, int> out;
    for (const auto& connection : rig.connections()) {
        if (connection.state != abi::ABI_CLOSED) {
            ++out[connection.backend.address.text()];
        }
    }
    return out;
}

const std::string one = address(backend).text();
const std::string other = address(second_backend).text();

} // namespace

TEST_CASE("least-connections keeps the loads level", "[select]") {
    Config config = two_backends();
    config.services[0].scheduler = Scheduler::least_connections;
    const Rig rig(config);
    for (std::uint16_t port = 40000; port < 40048; ++port) {
        REQUIRE(rig.open(port) != 0);
    }
    CHECK(std::abs(loads(rig)[one] - loads(rig)[other]) <= 4);

    // Those of one end: what comes next goes there, until they are level again.
    for (const auto& connection : rig.connections()) {
        if (connection.backend.address.text() == one) {
            (void)rig.reply(connection.proxy->port, Rst);
        }
    }
    CHECK(loads(rig)[one] == 0);
    for (std::uint16_t port = 41000; port < 41014; ++port) {
        REQUIRE(rig.open(port) != 0);
    }
    CHECK(loads(rig)[one] >= 12);
}

TEST_CASE("least-connections by weight", "[select]") {
    Config config = two_backends();
    config.services[0].scheduler = Scheduler::least_connections;
    config.services[0].backends[1].weight = 3;
    const Rig rig(config);
    for (std::uint16_t port = 40000; port < 40048; ++port) {
        REQUIRE(rig.open(port) != 0);
    }
    CHECK(loads(rig)[other] >= 33);
    CHECK(loads(rig)[other] <= 39);
}

TEST_CASE("a client with affinity goes back to its backend, whatever the schedule says", "[select]") {
    Config config = two_backends();
    config.services[0].scheduler = Scheduler::round_robin;
    config.services[0].affinity = Millis{60'000};
    Rig rig(config);
    for (std::uint16_t port = 40000; port < 40010; ++port) {
        REQUIRE(rig.open(port) != 0);
    }
    CHECK(loads(rig).size() == 1);
    const bool is_one = loads(rig).contains(one);

    SECTION("another client has its own") {
        for (std::uint8_t host = 20; host < 40; ++host) {
            REQUIRE(rig.open(40000, {198, 51, 100, host}) != 0);
        }
        CHECK(loads(rig).size() == 2);
    }
    SECTION("also when the list of backends is another one") {
        auto& backends = config.services[0].backends;
        backends.insert(backends.begin(), backend_at({203, 0, 113, 13}, backend_port));
        rig.install(config);
        for (std::uint16_t port = 41000; port < 41010; ++port) {
            REQUIRE(rig.open(port) != 0);
        }
        CHECK(loads(rig) == std::map<std::string, int>{{is_one ? one : other, 20}});
    }
    SECTION("but not to one that takes no new connections") {
        config.services[0].backends[is_one ? 0 : 1].weight = 0;
        rig.install(config);
        REQUIRE(rig.open(41000) != 0);
        CHECK(loads(rig)[is_one ? other : one] == 1);
        config.services[0].backends[is_one ? 0 : 1].weight = 1; // and stays where it went
        rig.install(config);
        REQUIRE(rig.open(41001) != 0);
        CHECK(loads(rig)[is_one ? other : one] == 2);
    }
}

TEST_CASE("affinity ends with its time", "[select]") {
    Config config = two_backends();
    config.services[0].scheduler = Scheduler::round_robin;
    config.services[0].affinity = Millis{200};
    const Rig rig(config);
    REQUIRE(rig.open(40000) != 0);
    // What is remembered is as old as it says.
    abi::abi_client key{};
    abi::abi_went_to to{};
    REQUIRE(bpf_map_get_next_key(rig.map("affinity"), nullptr, &key) == 0);
    REQUIRE(bpf_map_lookup_elem(rig.map("affinity"), &key, &to) == 0);
    to.until -= 10;
    REQUIRE(bpf_map_update_elem(rig.map("affinity"), &key, &to, BPF_ANY) == 0);
    REQUIRE(rig.open(40001) != 0);
    CHECK(loads(rig).size() == 2);
}

TEST_CASE("a backend takes no more than its max_connections; the others take the rest", "[select]") {
    Config config = two_backends();
    const auto scheduler =
        GENERATE(Scheduler::maglev, Scheduler::round_robin, Scheduler::least_connections, Scheduler::source_hash);
    config.services[0].scheduler = scheduler;
    for (auto& backend : config.services[0].backends) {
        backend.max_connections = 3;
    }
    const Rig rig(config);
    for (std::uint16_t port = 40000; port < 40006; ++port) {
        CHECK(rig.open(port) != 0);
    }
    CHECK(loads(rig) == std::map<std::string, int>{{one, 3}, {other, 3}});
    CHECK(rig.open(40006) == 0);
    CHECK(rig.count(abi::ABI_BACKENDS_FULL) == 1);
    CHECK(rig.count(abi::ABI_ANSWERED_RST) == 1);
    const auto ended = *rig.connection_of(40001);
    (void)rig.reply(ended.proxy->port, Rst, ended.backend.address.text() == one ? backend : second_backend);
    CHECK(rig.open(40006) != 0);
}

TEST_CASE("a full backend's overflow does not go to one that takes none", "[select]") {
    Config config = two_backends();
    config.services[0].backends[0].max_connections = 1;
    config.services[0].backends[1].weight = 0;
    const Rig rig(config);
    CHECK(rig.open(40000) != 0);
    CHECK(rig.open(40001) == 0);
    CHECK(rig.count(abi::ABI_BACKENDS_FULL) == 1);
}

TEMPLATE_TEST_CASE("only clients of the listed networks", "[select]", Ipv4, Ipv6) {
    Config config = config_of<TestType>();
    const auto prefix = [](const char* text) { return Prefix::parse(text).value(); };
    config.services[0].allow = {prefix(is_ipv6<TestType> ? "2001:db8:1::/64" : "198.51.100.0/30"),
                                prefix(is_ipv6<TestType> ? "10.0.0.0/8" : "2001:db8::/32")};
    Rig rig(config);
    const auto syn = [](std::uint16_t port) { return Ethernet{} / TestType{} / Tcp{.source = port, .flags = Syn}; };
    if (is_ipv6<TestType>) {
        CHECK(rig.open(syn(40000)) != 0);
    } else { // .7 is in .4/30
        CHECK(rig.open(syn(40000)) == 0);
        CHECK(rig.count(abi::ABI_NOT_ALLOWED) == 1);
    }
    CHECK(rig.count(abi::ABI_ANSWERED_RST) == 0);

    config.services[0].allow = {prefix(is_ipv6<TestType> ? "2001:db8:9::/64" : "198.51.100.4/30")};
    rig.install(config);
    CHECK((rig.open(syn(40001)) != 0) == !is_ipv6<TestType>);
    SECTION("who has a connection keeps it") {
        config.services[0].allow = {prefix(is_ipv6<TestType> ? "2001:db8:8::/64" : "192.0.2.0/24")};
        rig.install(config);
        const std::uint16_t port = is_ipv6<TestType> ? 40000 : 40001;
        CHECK(rig.from_client(Ethernet{} / TestType{} / Tcp{.source = port, .flags = Ack}).verdict ==
              Verdict::redirect);
    }
    config.services[0].allow = {};
    rig.install(config);
    CHECK(rig.open(syn(40002)) != 0);
}

} // namespace select_test
} // namespace proxip::packet
