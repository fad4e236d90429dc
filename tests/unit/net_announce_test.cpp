#include <algorithm>

#include <catch2/catch.hpp>

#include "net/arp.hpp"
#include "net/ndp.hpp"
#include "net_scene.hpp"

using namespace std::chrono_literals;
using namespace proxip::net::test;
using proxip::Address;
using proxip::Family;
using proxip::net::Announcer;
using proxip::net::Claim;
using proxip::net::Decision;
using proxip::net::Frame;
using proxip::net::Mac;
using proxip::net::Statement;
namespace arp = proxip::net::arp;
namespace ndp = proxip::net::ndp;

namespace {

// "Where is it?", asked by a host that has an address of its own.
Frame question(const Mac& own, const Address& address) {
    Frame frame = proxip::net::probe(own, address);
    if (address.family == Family::v4) {
        std::ranges::copy(arp::Ipv4{10, 1, 0, 2}, frame.begin() + 28);
        return frame;
    }
    for (const auto& [offset, byte] : {std::pair{22, 0xfe}, {23, 0x80}, {36, 0x01}, {37, 0x7f}}) {
        frame.at(static_cast<std::size_t>(offset)) = static_cast<std::uint8_t>(byte); // fe80::17f: the sum stays right
    }
    REQUIRE(ndp::parse(frame));
    return frame;
}

} // namespace

TEST_CASE("a free address is probed for, taken and announced twice", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    scene.announcer->claim({scene.vip()}, false);
    CHECK(scene.decisions.empty()); // never from within
    REQUIRE(scene.decided(1));
    CHECK(scene.decisions.front().claim == scene.vip());
    CHECK_FALSE(scene.decisions.front().owner);
    CHECK(scene.probes() == 3);

    REQUIRE(scene.until([&] { return scene.announcements() == 2; }));
    for (const Statement& statement : scene.heard) {
        CHECK(statement.mac == near_mac);
        CHECK(statement.address == scene.address());
    }

    SECTION("claimed again, nothing happens; the rest of the set is looked after") {
        Claim other = scene.vip();
        other.address = other.address.next();
        scene.heard.clear();
        scene.announcer->claim({scene.vip(), other}, false);
        REQUIRE(scene.decided(2));
        CHECK(scene.decisions.back().claim == other);
        CHECK(std::ranges::count(scene.heard, scene.address(), &Statement::address) == 0);
    }
    SECTION("announced again on demand, without a probe") {
        scene.heard.clear();
        scene.announcer->announce(scene.vip().link);
        REQUIRE(scene.until([&] { return scene.announcements() == 2; }));
        CHECK(scene.probes() == 0);
        CHECK(scene.decisions.size() == 1);
    }
    SECTION("under a new MAC it is still ours") {
        scene.heard.clear();
        Claim moved = scene.vip();
        moved.mac = {0x02, 0, 0, 0, 0, 0x77};
        scene.announcer->claim({moved}, false);
        REQUIRE(scene.decided(2));
        CHECK(scene.decisions.back().claim == moved);
        CHECK(scene.probes() == 0);
        REQUIRE(scene.until([&] { return scene.announcements() == 2; }));
        CHECK(scene.heard.back().mac == moved.mac);
    }
    SECTION("defended against a later taker, once") {
        scene.heard.clear();
        for (int i = 0; i < 2; ++i) {
            REQUIRE(scene.far_wire->send(proxip::net::announcement(far_mac, scene.address())));
        }
        REQUIRE(scene.until([&] { return scene.announcements() == 1; }));
        CHECK_FALSE(scene.until([&] { return scene.announcements() > 1; }, 100ms));
        CHECK(scene.decisions.size() == 1);
    }
    SECTION("another's probe is answered by the data plane alone") {
        scene.heard.clear();
        REQUIRE(scene.far_wire->send(proxip::net::probe(far_mac, scene.address())));
        CHECK_FALSE(scene.until([&] { return scene.announcements() > 0; }, 100ms));
        CHECK(scene.decisions.size() == 1);
    }
    SECTION("no longer wanted, no longer defended") {
        scene.announcer->claim({}, false);
        scene.heard.clear();
        REQUIRE(scene.far_wire->send(proxip::net::announcement(far_mac, scene.address())));
        CHECK_FALSE(scene.until([&] { return scene.announcements() > 0; }, 100ms));
    }
}

TEST_CASE("a known address is announced without a probe", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    scene.announcer->claim({scene.vip()}, true);
    REQUIRE(scene.decided(1));
    CHECK_FALSE(scene.decisions.front().owner);
    REQUIRE(scene.until([&] { return scene.announcements() == 2; }));
    CHECK(scene.probes() == 0);
}

TEST_CASE("an address that another host has is not taken, until it is free", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    const char* address = scene.family == Family::v4 ? "10.1.0.80/24 dev far" : "2001:db8::80/64 dev far nodad";
    scene.pair.far.run(fmt::format("ip addr add {}", address));
    scene.announcer->claim({scene.vip()}, false);
    REQUIRE(scene.decided(1));
    CHECK(scene.decisions.front().owner == far_mac);
    // Asked for again, told once.
    REQUIRE(scene.until([&] { return scene.probes() >= 4; }));
    CHECK(scene.decisions.size() == 1);
    CHECK(scene.announcements() == 0);

    scene.pair.far.run(fmt::format("ip addr del {}", address));
    REQUIRE(scene.decided(2));
    CHECK_FALSE(scene.decisions.back().owner);
    CHECK(scene.until([&] { return scene.announcements() >= 1; }));
}

TEST_CASE("another host's probe for the same address is a conflict", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    scene.announcer->claim({scene.vip()}, false);
    REQUIRE(scene.until([&] { return scene.probes() >= 1; }));
    REQUIRE(scene.far_wire->send(proxip::net::probe(far_mac, scene.address())));
    REQUIRE(scene.decided(1));
    CHECK(scene.decisions.front().owner == far_mac);
}

TEST_CASE("a question for the address, and our own MAC, are no conflict", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    scene.announcer->claim({scene.vip()}, false);
    REQUIRE(scene.until([&] { return scene.probes() >= 1; }));
    REQUIRE(scene.far_wire->send(question(far_mac, scene.address())));
    REQUIRE(
        scene.far_wire->send(proxip::net::announcement(near_mac, scene.address()))); // by way of another of our links
    REQUIRE(scene.decided(1));
    CHECK_FALSE(scene.decisions.front().owner);
}

TEST_CASE("what is said in a VLAN is not said of this link", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    scene.announcer->claim({scene.vip()}, false);
    REQUIRE(scene.until([&] { return scene.probes() >= 1; }));
    Frame tagged = proxip::net::announcement(far_mac, scene.address());
    const int vlan = GENERATE(5, 4095);
    const auto byte = [](int value) { return static_cast<std::uint8_t>(value); };
    tagged.insert(tagged.begin() + 12, {0x81, 0x00, byte(vlan >> 8), byte(vlan)});
    REQUIRE(scene.far_wire->send(tagged));
    REQUIRE(scene.decided(1));
    CHECK_FALSE(scene.decisions.front().owner);
}

TEST_CASE("a claim on a link that is down waits for it", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    const char* which = GENERATE("near", "far");
    Namespace const& side = std::string(which) == "near" ? scene.pair.near : scene.pair.far;
    side.run(fmt::format("ip link set {} down", which));
    scene.announcer->claim({scene.vip()}, false);
    CHECK_FALSE(scene.until([&] { return !scene.decisions.empty(); }, 150ms));

    side.run(fmt::format("ip link set {} up", which));
    REQUIRE(scene.decided(1));
    CHECK_FALSE(scene.decisions.front().owner);
    CHECK(scene.probes() == 3);
}

TEST_CASE("a link that vanishes takes nothing with it", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    const Claim gone = scene.vip();
    scene.announcer->claim({gone}, false);
    REQUIRE(scene.decided(1));
    scene.pair.near.run("ip link del near");
    scene.announcer->announce(gone.link);
    CHECK_FALSE(scene.until([&] { return scene.decisions.size() > 1; }, 150ms));

    scene.pair.near.run("ip link add near address 02:00:00:00:00:01 type veth peer name there && "
                        "ip link set there up && ip link set near up");
    const Claim again = scene.vip();
    REQUIRE(again.link != gone.link);
    scene.announcer->claim({gone, again}, false);
    REQUIRE(scene.decided(2));
    CHECK(scene.decisions.back().claim == again);
}

TEST_CASE("where there is no Ethernet there is nothing to ask", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    scene.announcer->claim({scene.vip("lo")}, false);
    REQUIRE(scene.decided(1));
    CHECK_FALSE(scene.decisions.front().owner);
}

TEST_CASE("a pool of a thousand addresses is claimed at once", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    std::vector<Claim> pool;
    Claim next = scene.vip();
    for (int i = 0; i < 1000; ++i) {
        pool.push_back(next);
        next.address = next.address.next();
    }
    scene.announcer->claim(pool, false);
    REQUIRE(scene.decided(pool.size()));
    CHECK(scene.probes() == 3000);
    REQUIRE(scene.until([&] { return scene.announcements() == 2000; }));
}

TEST_CASE("claims may change from within a decision", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(GENERATE(Family::v4, Family::v6));
    Claim other = scene.vip();
    other.address = other.address.next();
    std::vector<Claim> taken;
    const Inside near(scene.pair.near);
    std::unique_ptr<Announcer> announcer;
    announcer =
        Announcer::start(scene.loop,
                         [&](std::span<const Decision> decisions) {
                             taken.push_back(decisions.front().claim);
                             announcer->claim(taken.size() == 1 ? std::vector{other} : std::vector<Claim>{}, false);
                         },
                         {.between_probes = 5ms, .second_announcement = 5ms, .retry = 200ms})
            .value();
    announcer->claim({scene.vip()}, false);
    REQUIRE(scene.until([&] { return taken.size() == 2; }));
    CHECK(taken.back() == other);
}
