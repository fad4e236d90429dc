#include <catch2/catch.hpp>

#include <chrono>
#include <thread>

#include "packet/rig.hpp"

namespace proxip::packet {

namespace {

// Fills the table with connections from ports 20000 on; `each` makes one of them what it is to be.
template <typename Each>
void fill(const Rig& rig, const Each& each) {
    for (std::uint16_t i = 0; i < table_size; ++i) {
        each(static_cast<std::uint16_t>(20000 + i));
    }
    REQUIRE(rig.connections().size() == table_size);
}

bool within_seconds(int seconds, const std::function<bool()>& happens) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!happens()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

} // namespace

TEST_CASE("a full table: live connections never give way, and the new one is told so", "[table]") {
    const Rig rig;
    fill(rig, [&](std::uint16_t port) { rig.establish(port); });
    for (std::uint16_t i = 0; i < 10; ++i) {
        const Outcome out =
            rig.from_client(Ethernet{} / Ipv4{} / Tcp{.source = static_cast<std::uint16_t>(50000 + i), .flags = Syn});
        CHECK(out.frame.bytes.at(14 + 20 + 13) == (Rst | Ack));
        CHECK(rig.open_udp(static_cast<std::uint16_t>(50000 + i)) == 0);
    }
    CHECK(rig.count(abi::ABI_TABLE_FULL) == 20);
    CHECK(rig.count(abi::ABI_SLOT_RECLAIMED) == 0);
    CHECK(rig.connections().size() == table_size);
    CHECK(rig.say(20000, Ack) == Verdict::redirect);
}

TEST_CASE("a full table: UDP is live and stays", "[table]") {
    const Rig rig;
    fill(rig, [&](std::uint16_t port) { rig.open_udp(port); });
    CHECK(rig.open(50000) == 0);
    CHECK(rig.count(abi::ABI_TABLE_FULL) == 1);
}

TEST_CASE("a full table: half-open connections give way", "[table]") {
    const Rig rig;
    fill(rig, [&](std::uint16_t port) { rig.open(port); });
    CHECK(rig.open(50000) != 0);
    CHECK(rig.count(abi::ABI_SLOT_RECLAIMED) == 1);
    CHECK(rig.connections().size() == table_size);
    CHECK(rig.connection_of(50000).has_value());
}

TEST_CASE("a full table: closed connections go before half-open ones", "[table]") {
    const Rig rig;
    fill(rig, [&](std::uint16_t port) { rig.open(port); });
    const std::uint16_t closed = 20010; // among the first that are looked at
    rig.reply(rig.connection_of(closed)->proxy->port, Rst | Ack);
    REQUIRE(rig.connection_of(closed)->state == abi::ABI_CLOSED);
    CHECK(rig.open(50000) != 0);
    CHECK_FALSE(rig.connection_of(closed).has_value());
    CHECK(rig.connections().size() == table_size);
}

TEST_CASE("idle connections end by themselves, each state after its own time", "[table]") {
    Config config = basic_config();
    config.services[0].idle_timeout.syn = Millis(100);
    config.services[1].idle_timeout.udp = Millis(100);
    const Rig rig(config);
    rig.open(40000);
    rig.open_udp(40001);
    rig.establish(40002);
    CHECK(within_seconds(10, [&] { return rig.count(abi::ABI_EXPIRED) == 2; }));
    CHECK(rig.connections().size() == 1);
    CHECK(rig.connection_of(40002).has_value());
    CHECK(rig.plane().live_connections() == 1);
}

TEST_CASE("an expired connection gives its port back", "[table]") {
    Config config = basic_config();
    config.pools[0].ports = {3000, 3000};
    config.services[0].idle_timeout.syn = Millis(100);
    const Rig rig(config);
    REQUIRE(rig.open(40000) == 3000);
    REQUIRE(rig.open(40001) == 0);
    REQUIRE(within_seconds(10, [&] { return rig.count(abi::ABI_EXPIRED) == 1; }));
    CHECK(within_seconds(1, [&] { return rig.open(40001) == 3000; }));
}

} // namespace proxip::packet
