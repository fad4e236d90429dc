#include <algorithm>

#include <catch2/catch.hpp>

#include "packet/every_map.hpp"
#include "packet/rig.hpp"

namespace proxip::packet {

namespace {

struct Asked {
    abi::abi_decision decision;
    std::optional<dataplane::Connection> connection;
    std::vector<std::string> changed; // names of maps
};

Asked ask(const Rig& rig, const dataplane::Question& question) {
    const Contents before = every_map(rig);
    const auto decision = rig.plane().explain(question);
    REQUIRE(decision.has_value());
    return {.decision = decision->made,
            .connection = decision->connection,
            .changed = changed_between(before, every_map(rig))};
}

Asked ask(const Rig& rig, std::uint16_t to_port, Protocol protocol = Protocol::tcp,
          std::uint16_t from_port = client_port, std::uint8_t flags = Syn) {
    return ask(rig, {.protocol = protocol,
                     .from = {.address = address(client), .port = from_port},
                     .to = {.address = address(vip), .port = to_port},
                     .link = rig.front,
                     .tcp_flags = flags});
}

Asked ask_reply(const Rig& rig, Ip to, std::uint16_t to_port, Ip from = backend) {
    return ask(rig, {.protocol = Protocol::tcp,
                     .from = {.address = address(from), .port = backend_port},
                     .to = {.address = address(to), .port = to_port},
                     .link = rig.back,
                     .tcp_flags = Ack});
}

const std::vector<std::string> none;

Config never_config() {
    Config config = basic_config();
    for (Service& service : config.services) {
        service.snat = Snat::never;
    }
    return config;
}

} // namespace

TEST_CASE("explain says where a first packet would go, and changes nothing", "[explain]") {
    Config config = basic_config();
    config.services[0].scheduler = Scheduler::round_robin;
    const Rig rig(config);
    const auto [decision, connection, changed] = ask(rig, web_port);
    CHECK(changed == none);
    CHECK(decision.verdict == abi::ABI_VERDICT_FORWARD);
    CHECK(decision.known == 0);
    CHECK(decision.has_service == 1);
    CHECK(decision.has_backend == 1);
    CHECK(decision.has_proxy == 1);
    CHECK(decision.snat_reason == abi::ABI_SNAT_ALWAYS);
    CHECK(decision.via_tc == 0);
    CHECK_FALSE(connection.has_value());
    CHECK(rig.plane().link_of(decision.hop) == rig.back);
}

TEST_CASE("explain changes nothing about a connection that stands", "[explain]") {
    const Rig rig;
    const auto port = rig.establish();
    const auto [decision, connection, changed] = ask(rig, web_port);
    CHECK(changed == none);
    CHECK(decision.verdict == abi::ABI_VERDICT_FORWARD);
    CHECK(decision.known == 1);
    CHECK(decision.proxy_port_be == static_cast<std::uint16_t>(port << 8 | port >> 8));
    REQUIRE(connection.has_value());
    CHECK(connection->client == SocketAddress{.address = address(client), .port = client_port});
    CHECK(connection->state == abi::ABI_ESTABLISHED);
}

TEST_CASE("explain knows whose answer a reply is", "[explain]") {
    const Rig rig;
    const auto port = rig.establish();
    const auto [decision, connection, changed] = ask_reply(rig, proxy, port);
    CHECK(changed == none);
    CHECK(decision.verdict == abi::ABI_VERDICT_FORWARD);
    CHECK(decision.known == 1);
    CHECK(decision.direction == abi::ABI_REPLY);
    CHECK(rig.plane().link_of(decision.hop) == rig.front);
    REQUIRE(connection.has_value());
    CHECK(connection->client.text() == "198.51.100.7:40000");
    CHECK(connection->vip.text() == "192.0.2.80:80");
}

TEST_CASE("explain knows a reply to a client that kept its address", "[explain]") {
    const Rig rig(never_config());
    rig.say(client_port, Syn);
    const auto [decision, connection, changed] = ask_reply(rig, client, client_port);
    CHECK(changed == none);
    CHECK(decision.verdict == abi::ABI_VERDICT_FORWARD);
    CHECK(decision.direction == abi::ABI_REPLY);
    CHECK(connection.has_value());
}

TEST_CASE("explain: a packet to a Proxy IP of no connection is unsolicited", "[explain]") {
    const Rig rig;
    const auto port = rig.establish();
    for (const auto& asked : {ask_reply(rig, proxy, port == 2000 ? 2001 : 2000),
                              ask_reply(rig, proxy, port, backend2)}) { // a port of no connection; another server
        CHECK(asked.changed == none);
        CHECK(asked.decision.verdict == abi::ABI_VERDICT_DROP);
        CHECK(asked.decision.reason == abi::ABI_UNSOLICITED);
        CHECK(asked.decision.answer == abi::ABI_ANSWER_NONE);
        CHECK_FALSE(asked.connection.has_value());
    }
}

TEST_CASE("explain takes the flags that it is asked about", "[explain]") {
    const Rig rig;
    const auto stray = ask(rig, web_port, Protocol::tcp, client_port, Ack);
    CHECK(stray.changed == none);
    CHECK(stray.decision.verdict == abi::ABI_VERDICT_DROP);
    CHECK(stray.decision.reason == abi::ABI_NO_CONNECTION);
    CHECK(stray.decision.answer == abi::ABI_ANSWER_TCP_RST);
    rig.establish();
    const auto known = ask(rig, web_port, Protocol::tcp, client_port, Fin | Ack);
    CHECK(known.changed == none);
    CHECK(known.decision.known == 1);
    CHECK(rig.connection_of(client_port)->state == abi::ABI_ESTABLISHED);
}

TEST_CASE("explain foresees a reply tuple that is taken", "[explain]") {
    Config config = never_config();
    config.services.push_back(config.services[0]);
    config.services[2].name = "web2";
    config.services[2].address = ServiceAddress::parse("tcp://192.0.2.80:81").value();
    const Rig rig(config);
    rig.say(client_port, Syn);
    const auto asked = ask(rig, 81);
    CHECK(asked.changed == none);
    CHECK(asked.decision.verdict == abi::ABI_VERDICT_DROP);
    CHECK(asked.decision.reason == abi::ABI_TUPLE_TAKEN);
    (void)rig.from_client(Ethernet{} / Ipv4{} / Tcp{.source = client_port, .destination = 81, .flags = Syn});
    CHECK(rig.count(abi::ABI_TUPLE_TAKEN) == 1);
    // Closed, and its tuple may be taken over: as the packet that follows finds it.
    (void)rig.from_backend(from_backend() / Ipv4{.source = backend, .destination = client} /
                           Tcp{.source = backend_port, .destination = client_port, .flags = Rst | Ack});
    REQUIRE(rig.connection_of(client_port)->state == abi::ABI_CLOSED);
    CHECK(ask(rig, 81).decision.verdict == abi::ABI_VERDICT_FORWARD);
}

TEST_CASE("explain foresees a full table, and who would give way", "[explain]") {
    const Rig rig;
    for (std::uint16_t i = 0; i < table_size; ++i) {
        rig.establish(static_cast<std::uint16_t>(41000 + i));
    }
    const auto full = ask(rig, web_port);
    CHECK(full.changed == none);
    CHECK(full.decision.verdict == abi::ABI_VERDICT_DROP);
    CHECK(full.decision.reason == abi::ABI_TABLE_FULL);
    CHECK(rig.open(client_port) == 0);
    for (std::uint16_t i = 0; i < table_size; ++i) {
        rig.say(static_cast<std::uint16_t>(41000 + i), Rst);
    }
    CHECK(ask(rig, web_port).decision.verdict == abi::ABI_VERDICT_FORWARD);
    CHECK(rig.open(client_port) != 0);
}

TEST_CASE("a packet changes maps where explain does not", "[explain]") { // else every_map() would prove nothing
    const Rig rig;
    const Contents before = every_map(rig);
    REQUIRE(rig.open(client_port) != 0);
    const auto changed = changed_between(before, every_map(rig));
    for (const char* map : {"conn", "slot", "ledger", "ring", "binding_live", "service_live", "binding_stats"}) {
        INFO(map);
        CHECK(std::ranges::find(changed, map) != changed.end());
    }
}

TEST_CASE("explain changes nothing about a closed connection that its packet would replace", "[explain]") {
    const Rig rig;
    rig.establish();
    rig.say(client_port, Rst);
    const auto [decision, connection, changed] = ask(rig, web_port);
    CHECK(changed == none);
    CHECK(decision.verdict == abi::ABI_VERDICT_FORWARD);
}

TEST_CASE("explain says why not, and what the client is told", "[explain]") {
    Config config = basic_config();
    config.pools[0].ports = {3000, 3000};
    config.services[1].backends.clear();
    const Rig rig(config);
    rig.open(50000);

    const auto exhausted = ask(rig, web_port);
    CHECK(exhausted.changed == none);
    CHECK(exhausted.decision.verdict == abi::ABI_VERDICT_DROP);
    CHECK(exhausted.decision.reason == abi::ABI_PORTS_EXHAUSTED);
    CHECK(exhausted.decision.answer == abi::ABI_ANSWER_TCP_RST);

    const auto unserved = ask(rig, dns_port, Protocol::udp);
    CHECK(unserved.changed == none);
    CHECK(unserved.decision.reason == abi::ABI_NO_BACKEND);
    CHECK(unserved.decision.answer == abi::ABI_ANSWER_ICMP);

    const auto no_service = ask(rig, 22);
    CHECK(no_service.decision.reason == abi::ABI_NO_SERVICE);
    CHECK(no_service.decision.answer == abi::ABI_ANSWER_NONE);
}

TEST_CASE("explain and the packet that follows come to the same backend", "[explain]") {
    Config config = basic_config();
    config.services[0].backends.push_back(backend_at(backend2, backend_port));
    for (const Scheduler scheduler : {Scheduler::maglev, Scheduler::round_robin}) {
        config.services[0].scheduler = scheduler;
        const Rig rig(config);
        for (std::uint16_t port = 40000; port < 40003; ++port) {
            const auto decision = ask(rig, web_port, Protocol::tcp, port).decision;
            rig.open(port);
            CHECK(rig.connection_of(port)->endpoint == decision.endpoint);
        }
    }
}

} // namespace proxip::packet
