#include <array>

#include <catch2/catch.hpp>

#include <bpf/bpf.h>

#include "packet/rig.hpp"

namespace proxip::packet {

namespace {

constexpr Ip other_client = {198, 51, 100, 8};

Config limited(std::uint32_t of_service, std::uint32_t per_client, std::uint32_t ports_per_client = 0) {
    Config config = basic_config();
    config.services[0].max_connections = of_service;
    config.services[0].max_connections_per_client = per_client;
    config.pools[0].max_ports_per_client = ports_per_client;
    return config;
}

// The sum of what is counted, over all clients.
std::uint32_t counted(const Rig& rig) {
    abi::abi_quota key{};
    const abi::abi_quota* previous = nullptr;
    std::uint32_t sum = 0;
    while (bpf_map_get_next_key(rig.map("quota"), previous, &key) == 0) {
        std::uint32_t count = 0;
        (void)bpf_map_lookup_elem(rig.map("quota"), &key, &count);
        sum += count;
        previous = &key;
    }
    return sum;
}

} // namespace

TEST_CASE("a service takes no more than max_connections, and another when one has ended", "[quota]") {
    const Rig rig(limited(2, 0));
    CHECK(rig.open(40000) != 0);
    CHECK(rig.open(40001) != 0);
    CHECK(rig.open(40002) == 0);
    CHECK(rig.count(abi::ABI_SERVICE_FULL) == 1);
    CHECK(rig.open_udp() != 0); // another service has its own
    rig.reply(rig.connection_of(40000)->proxy->port, Rst);
    CHECK(rig.open(40002) != 0);
    CHECK(counted(rig) == 0); // nothing is counted by client where there is no limit to it
}

TEST_CASE("a client has no more than max_connections_per_client; others have theirs", "[quota]") {
    const Rig rig(limited(0, 2));
    CHECK(rig.open(40000) != 0);
    CHECK(rig.open(40001) != 0);
    CHECK(rig.open(40002) == 0);
    CHECK(rig.count(abi::ABI_CLIENT_FULL) == 1);
    CHECK(rig.open(40000, other_client) != 0);
    CHECK(counted(rig) == 3);
    SECTION("one that was reset makes room") {
        rig.reply(rig.connection_of(40001)->proxy->port, Rst);
        CHECK(counted(rig) == 2);
        CHECK(rig.open(40002) != 0);
    }
    SECTION("one that comes back to life counts again, limit or not") {
        const auto port = rig.establish(40000);
        rig.reply(port, Rst);
        CHECK(rig.open(40002) != 0);
        rig.reply(port, Ack);
        CHECK(counted(rig) == 4);
        rig.reply(port, Rst);
        CHECK(counted(rig) == 3);
    }
    SECTION("a second packet of a connection is not counted") {
        rig.say(40000, Syn);
        CHECK(counted(rig) == 3);
    }
}

TEST_CASE("a client has no more than max_ports_per_client towards one backend, in all services together", "[quota]") {
    Config config = limited(0, 0, 2);
    config.services.push_back(config.services[0]);
    config.services[2].name = "web2";
    config.services[2].address.ports = {81, 81};
    const Rig rig(config);
    CHECK(rig.open(40000) != 0);
    const auto second = [&](std::uint16_t from_port) {
        return rig.from_client(Ethernet{} / Ipv4{} / Tcp{.source = from_port, .destination = 81, .flags = Syn});
    };
    CHECK(rig.connections().size() == 1);
    (void)second(40001);
    CHECK(rig.connections().size() == 2);
    (void)second(40002);
    CHECK(rig.connections().size() == 2);
    CHECK(rig.count(abi::ABI_CLIENT_PORTS) == 1);
    CHECK(rig.open_udp() != 0); // another endpoint: its ports are its own
    CHECK(rig.open(40002, other_client) != 0);
}

TEST_CASE("a connection that keeps the client's address needs no port, and none is counted", "[quota]") {
    Config config = limited(0, 0, 1);
    config.services[0].snat = Snat::never;
    const Rig rig(config);
    for (const auto port : std::to_array<std::uint16_t>({40000, 40001, 40002})) {
        (void)rig.from_client(Ethernet{} / Ipv4{} / Tcp{.source = port, .flags = Syn});
    }
    CHECK(rig.connections().size() == 3);
    CHECK(counted(rig) == 0);
}

TEST_CASE("a connection that could not be made is not counted", "[quota]") {
    Config config = limited(0, 5, 5);
    config.pools[0].ports = {2000, 2000};
    const Rig rig(config);
    CHECK(rig.open(40000) == 2000);
    CHECK(rig.open(40001) == 0);
    CHECK(rig.count(abi::ABI_PORTS_EXHAUSTED) == 1);
    CHECK(counted(rig) == 2); // one connection, one port
}

} // namespace proxip::packet
