#include <catch2/catch.hpp>

#include <bpf/bpf.h>

#include "packet/entries.hpp"
#include "packet/rig.hpp"

namespace proxip::packet {

namespace {

// Everything that opening a connection changes.
struct State {
    std::map<std::pair<std::string, std::uint32_t>, Bytes> values;
    std::size_t keys = 0;
    std::uint32_t free_slots = 0;

    bool operator==(const State&) const = default;
};

void read(const Rig& rig, State& state, const char* map, std::uint32_t entries, std::size_t bytes) {
    for (std::uint32_t key = 0; key < entries; ++key) {
        Bytes value(bytes);
        REQUIRE(bpf_map_lookup_elem(rig.map(map), &key, value.data()) == 0);
        state.values[{map, key}] = value;
    }
}

State state_of(const Rig& rig) {
    State out;
    read(rig, out, "slot", table_size, sizeof(abi::abi_slot));
    read(rig, out, "ring", 8, sizeof(abi::abi_ring));
    read(rig, out, "service_live", 8, sizeof(abi::abi_service_live));
    read(rig, out, "binding_live", 8, sizeof(abi::abi_binding_live));
    read(rig, out, "ledger", 1, offsetof(abi::abi_ledger, sweep_hand) + 64);
    out.values[{"ledger", 0}].resize(offsetof(abi::abi_ledger, sweep_hand)); // the sweeper goes on
    for (std::uint32_t reason = 0; reason < abi::ABI_REASON_COUNT; ++reason) {
        out.values[{"counters", reason}] = {static_cast<std::uint8_t>(rig.count(static_cast<abi::abi_reason>(reason)))};
    }
    out.keys = read_entries(rig.map("conn"), table_size).size();
    return out;
}

struct Asked {
    abi::abi_decision decision;
    bool changed_nothing;
};

Asked ask(const Rig& rig, std::uint16_t to_port, Protocol protocol = Protocol::tcp,
          std::uint16_t from_port = client_port) {
    const State before = state_of(rig);
    const auto decision = rig.plane().explain({.protocol = protocol,
                                               .from = {.address = address(client), .port = from_port},
                                               .to = {.address = address(vip), .port = to_port},
                                               .link = rig.front});
    REQUIRE(decision.has_value());
    return {.decision = *decision, .changed_nothing = state_of(rig) == before};
}

} // namespace

TEST_CASE("explain says where a first packet would go, and changes nothing", "[explain]") {
    Config config = basic_config();
    config.services[0].scheduler = Scheduler::round_robin;
    const Rig rig(config);
    const auto [decision, changed_nothing] = ask(rig, web_port);
    CHECK(changed_nothing);
    CHECK(decision.verdict == abi::ABI_VERDICT_FORWARD);
    CHECK(decision.known == 0);
    CHECK(decision.has_service == 1);
    CHECK(decision.has_backend == 1);
    CHECK(decision.has_proxy == 1);
    CHECK(decision.snat_reason == abi::ABI_SNAT_ALWAYS);
    CHECK(decision.via_tc == 0);
    CHECK(rig.plane().link_of(decision.hop) == rig.back);
}

TEST_CASE("explain changes nothing about a connection that stands", "[explain]") {
    const Rig rig;
    const auto port = rig.establish();
    const auto [decision, changed_nothing] = ask(rig, web_port);
    CHECK(changed_nothing);
    CHECK(decision.verdict == abi::ABI_VERDICT_FORWARD);
    CHECK(decision.known == 1);
    CHECK(decision.proxy_port_be == static_cast<std::uint16_t>(port << 8 | port >> 8));
}

TEST_CASE("explain changes nothing about a closed connection that its packet would replace", "[explain]") {
    const Rig rig;
    rig.establish();
    rig.say(client_port, Rst);
    const auto [decision, changed_nothing] = ask(rig, web_port);
    CHECK(changed_nothing);
    CHECK(decision.verdict == abi::ABI_VERDICT_FORWARD);
}

TEST_CASE("explain says why not, and what the client is told", "[explain]") {
    Config config = basic_config();
    config.pools[0].ports = {3000, 3000};
    config.services[1].backends.clear();
    const Rig rig(config);
    rig.open(50000);

    const auto exhausted = ask(rig, web_port);
    CHECK(exhausted.changed_nothing);
    CHECK(exhausted.decision.verdict == abi::ABI_VERDICT_DROP);
    CHECK(exhausted.decision.reason == abi::ABI_PORTS_EXHAUSTED);
    CHECK(exhausted.decision.answer == abi::ABI_ANSWER_TCP_RST);

    const auto unserved = ask(rig, dns_port, Protocol::udp);
    CHECK(unserved.changed_nothing);
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
        for (std::uint16_t port = 40000; port < 40005; ++port) {
            const auto decision = ask(rig, web_port, Protocol::tcp, port).decision;
            rig.open(port);
            CHECK(rig.connection_of(port)->endpoint == decision.endpoint);
        }
    }
}

} // namespace proxip::packet
