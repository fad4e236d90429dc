#include <chrono>
#include <thread>

#include <bpf/bpf.h>
#include <catch2/catch.hpp>

#include "packet/rig.hpp"

// Connections that the agent ends: its orders, carried out by the data plane's timer.

namespace proxip::packet {

namespace ending_test {
namespace {

using Clock = std::chrono::steady_clock;

template <typename Condition>
bool soon(const Condition& condition) {
    for (const auto end = Clock::now() + std::chrono::seconds(5); Clock::now() < end;) {
        if (condition()) {
            return true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return condition();
}

} // namespace

TEST_CASE("what each end acknowledged last is kept, for the RST that it will take", "[ending]") {
    const Rig rig;
    const auto port = rig.establish();
    (void)rig.from_client(Ethernet{} / Ipv4{} / Tcp{.ack = 0x01020304, .flags = Ack});
    (void)rig.from_backend(from_backend() / reply_ip() /
                           Tcp{.source = backend_port, .destination = port, .ack = 0x0a0b0c0d, .flags = Ack | Psh});
    (void)rig.from_client(Ethernet{} / Ipv4{} / Tcp{.ack = 0x7fffffff, .flags = Rst});
    std::uint32_t key = 0;
    abi::abi_slot slot{};
    REQUIRE(bpf_map_lookup_elem(rig.map("slot"), &key, &slot) == 0);
    CHECK(__builtin_bswap32(slot.acked_be[abi::ABI_ORIGINAL]) == 0x01020304);
    CHECK(__builtin_bswap32(slot.acked_be[abi::ABI_REPLY]) == 0x0a0b0c0d);
}

TEST_CASE("an order ends a connection, whole, and no other", "[ending]") {
    const Rig rig;
    (void)rig.establish(40000);
    (void)rig.establish(40001);
    (void)rig.open_udp(40002);
    CHECK(rig.plane().end_connections([](const dataplane::Connection& connection) {
        return connection.client.port == 40000 || connection.protocol == Protocol::udp;
    }) == 2);
    REQUIRE(soon([&] { return rig.connections().size() == 1; }));
    CHECK(rig.connection_of(40001));
    CHECK(rig.plane().live_connections() == 1);
    CHECK(rig.count(abi::ABI_ENDED) == 2);
    (void)rig.say(40000, Ack);
    CHECK(rig.count(abi::ABI_NO_CONNECTION) == 1);
    CHECK(rig.count(abi::ABI_ANSWERED_RST) == 1);
    CHECK(rig.say(40001, Ack) == Verdict::redirect);
    CHECK(rig.open(40000) != 0);
}

TEST_CASE("an order that comes late does not meet the slot's next connection", "[ending]") {
    const Rig rig;
    (void)rig.establish(40000);
    std::uint32_t key = 0;
    abi::abi_slot slot{};
    REQUIRE(bpf_map_lookup_elem(rig.map("slot"), &key, &slot) == 0);
    const abi::abi_order late{.slot = 0, .generation = slot.state.generation - 1};
    const abi::abi_order none{.slot = 0xffffffff, .generation = 0};
    for (const auto& order : {late, none}) {
        REQUIRE(bpf_map_update_elem(rig.map("orders"), nullptr, &order, BPF_ANY) == 0);
    }
    abi::abi_order waiting{};
    REQUIRE(soon([&] { return bpf_map_lookup_elem(rig.map("orders"), nullptr, &waiting) != 0; }));
    CHECK(rig.connections().size() == 1);
}

} // namespace ending_test
} // namespace proxip::packet
