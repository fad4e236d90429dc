#include <catch2/catch.hpp>

#include <set>

#include "packet/rig.hpp"

namespace proxip::packet {

namespace {

Config with_ports(std::uint16_t first, std::uint16_t last) {
    Config config = basic_config();
    config.pools[0].ports = {first, last};
    return config;
}

// From established to closed, as one side begins it.
void close_client_first(const Rig& rig, std::uint16_t from_port, std::uint16_t proxy_port) {
    rig.say(from_port, Fin | Ack);
    rig.reply(proxy_port, Fin | Ack);
    rig.say(from_port, Ack);
}
void close_backend_first(const Rig& rig, std::uint16_t from_port, std::uint16_t proxy_port) {
    rig.reply(proxy_port, Fin | Ack);
    rig.say(from_port, Fin | Ack);
    rig.reply(proxy_port, Ack);
}

} // namespace

TEST_CASE("with N ports exactly N connections to one endpoint succeed, each port once", "[ports]") {
    const Rig rig(with_ports(3000, 3019));
    std::set<std::uint16_t> ports;
    for (std::uint16_t i = 0; i < 20; ++i) {
        ports.insert(rig.open(static_cast<std::uint16_t>(40000 + i)));
    }
    CHECK(ports.size() == 20);
    CHECK(*ports.begin() == 3000);
    CHECK(*ports.rbegin() == 3019);
    CHECK(rig.open(50000) == 0);
    CHECK(rig.count(abi::ABI_PORTS_EXHAUSTED) == 1);
    CHECK(rig.count(abi::ABI_ANSWERED_RST) == 1);
    CHECK(rig.connections().size() == 20);
    CHECK(rig.open_udp() != 0); // another protocol has ports of its own
}

TEST_CASE("another backend has the same ports again", "[ports]") {
    Config config = with_ports(3000, 3009);
    config.services[0].scheduler = Scheduler::round_robin;
    config.services[0].backends.push_back(backend_at(backend2, backend_port));
    const Rig rig(config);
    std::multiset<std::uint16_t> ports;
    for (std::uint16_t i = 0; i < 20; ++i) {
        ports.insert(rig.open(static_cast<std::uint16_t>(40000 + i)));
    }
    for (std::uint16_t port = 3000; port < 3010; ++port) {
        CHECK(ports.count(port) == 2);
    }
    CHECK(rig.open(50000) == 0);
}

TEST_CASE("excluded ports are never used", "[ports]") {
    Config config = with_ports(3000, 3009);
    config.pools[0].exclude_ports = {{3000, 3001}, {3005, 3005}};
    const Rig rig(config);
    std::set<std::uint16_t> ports;
    for (std::uint16_t i = 0; i < 7; ++i) {
        ports.insert(rig.open(static_cast<std::uint16_t>(40000 + i)));
    }
    CHECK(ports == std::set<std::uint16_t>{3002, 3003, 3004, 3006, 3007, 3008, 3009});
}

TEST_CASE("when a Proxy IP has no port left, another one stands in", "[ports]") {
    Config config = with_ports(3000, 3004);
    config.pools[0].addresses[0].last.bytes[3] = 255; // .254 and .255
    const Rig rig(config);
    for (std::uint16_t i = 0; i < 10; ++i) {
        CHECK(rig.open(static_cast<std::uint16_t>(40000 + i)) != 0);
    }
    std::map<std::string, int> used;
    for (const auto& connection : rig.connections()) {
        ++used[connection.proxy->address.text()];
    }
    CHECK(used == std::map<std::string, int>{{"192.0.2.254", 5}, {"192.0.2.255", 5}});
    CHECK(rig.open(50000) == 0);
}

TEST_CASE("a client stays on one Proxy IP", "[ports]") {
    Config config = basic_config();
    config.pools[0].addresses[0].first.bytes[3] = 240;
    const Rig rig(config);
    std::set<std::string> used;
    for (std::uint16_t i = 0; i < 10; ++i) {
        rig.open(static_cast<std::uint16_t>(40000 + i));
    }
    for (const auto& connection : rig.connections()) {
        used.insert(connection.proxy->address.text());
    }
    CHECK(used.size() == 1);
}

TEST_CASE("a closed connection gives its port up when none is free; a live one never", "[ports]") {
    const Rig rig(with_ports(3000, 3001));
    const auto first = rig.establish(40000);
    const auto second = rig.establish(40001);
    REQUIRE(rig.open(40002) == 0);
    close_client_first(rig, 40000, first);
    CHECK(rig.connection_of(40000)->state == abi::ABI_CLOSED);
    CHECK(rig.open(40002) == first);
    CHECK(rig.count(abi::ABI_PORT_RECLAIMED) == 1);
    CHECK_FALSE(rig.connection_of(40000).has_value());
    CHECK(rig.connection_of(40001)->proxy->port == second);
    CHECK(rig.open(40003) == 0);
}

TEST_CASE("the port that has been free for longest goes first", "[ports]") {
    const Rig rig(with_ports(3000, 3003));
    std::vector<std::uint16_t> ports;
    for (std::uint16_t i = 0; i < 4; ++i) {
        ports.push_back(rig.establish(static_cast<std::uint16_t>(40000 + i)));
    }
    for (const std::uint16_t i : std::initializer_list<std::uint16_t>{2, 0, 3, 1}) {
        rig.say(static_cast<std::uint16_t>(40000 + i), Rst);
    }
    for (const std::uint16_t i : std::initializer_list<std::uint16_t>{2, 0, 3, 1}) {
        CHECK(rig.open(static_cast<std::uint16_t>(50000 + i)) == ports[i]);
    }
}

TEST_CASE("ports that the client closed first are reused before those that the server closed first", "[ports]") {
    const Rig rig(with_ports(3000, 3001));
    const auto server_first = rig.establish(40000);
    const auto client_first = rig.establish(40001);
    close_backend_first(rig, 40000, server_first); // its server holds TIME_WAIT
    close_client_first(rig, 40001, client_first);
    CHECK(rig.open(50000) == client_first);
    CHECK(rig.open(50001) == server_first); // the last one goes all the same
    CHECK(rig.count(abi::ABI_PORT_RECLAIMED) == 2);
}

TEST_CASE("a SYN on a closed tuple opens anew, from another port", "[ports]") {
    const Rig rig;
    const auto before = rig.establish();
    close_backend_first(rig, client_port, before);
    REQUIRE(rig.connection_of(client_port)->state == abi::ABI_CLOSED);
    const auto after = rig.open();
    CHECK(after != 0);
    CHECK(after != before);
    CHECK(rig.connections().size() == 1);
    CHECK(rig.reply(after, Syn | Ack) == Verdict::redirect);
    CHECK(rig.reply(before, Ack) == Verdict::drop); // the former one is gone, whole
    CHECK(rig.count(abi::ABI_UNSOLICITED) == 1);
}

TEST_CASE("a SYN on a live tuple stays with its connection", "[ports]") {
    const Rig rig;
    const auto port = rig.establish();
    CHECK(rig.open() == port);
    CHECK(rig.connection_of(client_port)->state == abi::ABI_ESTABLISHED);
}

TEST_CASE("a port in the server's TIME_WAIT: challenge ACK, RST and the next SYN pass on one mapping", "[ports]") {
    const Rig rig;
    const auto port = rig.open();
    CHECK(rig.reply(port, Ack) == Verdict::redirect);
    CHECK(rig.say(client_port, Rst) == Verdict::redirect);
    CHECK(rig.open() == port);
    CHECK(rig.reply(port, Syn | Ack) == Verdict::redirect);
    rig.say(client_port, Ack);
    CHECK(rig.connection_of(client_port)->state == abi::ABI_ESTABLISHED);
}

TEST_CASE("packets after the end still pass, and a connection that goes on keeps its port", "[ports]") {
    const Rig rig(with_ports(3000, 3000));
    const auto port = rig.establish();
    rig.say(client_port, Rst); // forged: both sides go on
    CHECK(rig.plane().live_connections() == 0);
    CHECK(rig.reply(port, Ack) == Verdict::redirect);
    CHECK(rig.say(client_port, Ack) == Verdict::redirect);
    CHECK(rig.reply(port, Ack) == Verdict::redirect);
    CHECK(rig.connection_of(client_port)->state == abi::ABI_ESTABLISHED);
    CHECK(rig.plane().live_connections() == 1);
    CHECK(rig.open(50000) == 0); // its port had been given back, but is not free
    CHECK(rig.say(client_port, Ack) == Verdict::redirect);
    rig.say(client_port, Rst);
    CHECK(rig.open(50000) == port); // now it is, once
    CHECK(rig.open(50001) == 0);
}

TEST_CASE("what a pool says is in use is what is in use", "[ports]") {
    const Rig rig(with_ports(3000, 3009));
    const auto first = rig.establish(40000);
    rig.establish(40001);
    close_client_first(rig, 40000, first);
    const auto& rings = rig.image().named.rings;
    std::uint64_t in_use = 0;
    std::uint64_t capacity = 0;
    for (const auto& use : rig.plane().ring_use({rings.begin(), rings.end()})) {
        in_use += use.in_use;
        capacity += use.capacity;
    }
    CHECK(in_use == 1);
    CHECK(capacity == 20); // of tcp and udp
}

} // namespace proxip::packet
