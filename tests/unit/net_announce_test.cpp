#include <algorithm>
#include <map>

#include <catch2/catch.hpp>

#include "net/announce.hpp"
#include "net/wire.hpp"
#include "net_namespace.hpp"

using namespace std::chrono_literals;
using namespace proxip::net::test;
using proxip::Address;
using proxip::net::Announcer;
using proxip::net::Claim;
using proxip::net::Mac;
using proxip::net::Netlink;
using proxip::net::Wire;
namespace arp = proxip::net::arp;

namespace {

constexpr Mac near_mac{0x02, 0, 0, 0, 0, 0x01};
constexpr Mac far_mac{0x02, 0, 0, 0, 0, 0x02};
const arp::Ipv4 vip_bytes{10, 1, 0, 80};

std::uint32_t index_of(const Namespace& there, std::string_view name) {
    const Inside inside(there);
    return Netlink::open().value()->link(name).value().value().index;
}

struct Decision {
    Claim claim;
    std::optional<Mac> owner;
};

// A near end that claims, and a far end that listens to it.
struct Scene {
    Pair pair;
    boost::asio::io_context loop;
    std::vector<Decision> decisions;
    std::vector<arp::Packet> heard;
    std::shared_ptr<Wire> far_wire;
    std::unique_ptr<Announcer> announcer;

    explicit Scene(Announcer::Timing timing = {.between_probes = 20ms, .second_announcement = 50ms, .retry = 200ms}) {
        const Inside far(pair.far);
        far_wire = Wire::open(loop, index_of(pair.far, "far"), [this](std::uint32_t, const arp::Packet& packet) {
                       heard.push_back(packet);
                   }).value();
        const Inside near(pair.near);
        announcer =
            Announcer::start(
                loop, [this](const Claim& claim, std::optional<Mac> owner) { decisions.push_back({claim, owner}); },
                timing)
                .value();
    }

    [[nodiscard]] Claim vip(std::string_view link = "near") const {
        return {.link = index_of(pair.near, link), .mac = near_mac, .address = Address::parse("10.1.0.80").value()};
    }

    // The loop runs where the sockets of the announcer are to be opened.
    template <typename Done>
    [[nodiscard]] bool until(const Done& done, std::chrono::milliseconds limit = 10s) {
        const Inside inside(pair.near);
        return run_until(loop, done, limit);
    }
    [[nodiscard]] bool decided(std::size_t count) {
        return until([this, count] { return decisions.size() >= count; });
    }
    [[nodiscard]] std::ptrdiff_t probes() const {
        return std::ranges::count_if(heard, [](const arp::Packet& p) { return p.sender == arp::Ipv4{}; });
    }
    [[nodiscard]] std::ptrdiff_t announcements() const {
        return std::ranges::count_if(heard, [](const arp::Packet& p) { return p.sender == p.target; });
    }
};

} // namespace

TEST_CASE("a free address is probed for, taken and announced twice", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene;
    scene.announcer->claim({scene.vip()}, false);
    CHECK(scene.decisions.empty()); // never from within
    REQUIRE(scene.decided(1));
    CHECK(scene.decisions.front().claim == scene.vip());
    CHECK_FALSE(scene.decisions.front().owner);
    CHECK(scene.probes() == 3);

    REQUIRE(scene.until([&] { return scene.announcements() == 2; }));
    for (const arp::Packet& packet : scene.heard) {
        CHECK(packet.operation == arp::request);
        CHECK(packet.sender_mac == near_mac);
        CHECK(packet.target == vip_bytes);
    }

    SECTION("claimed again, nothing happens; the rest of the set is looked after") {
        Claim other = scene.vip();
        other.address = Address::parse("10.1.0.81").value();
        scene.heard.clear();
        scene.announcer->claim({scene.vip(), other}, false);
        REQUIRE(scene.decided(2));
        CHECK(scene.decisions.back().claim == other);
        CHECK(std::ranges::count(scene.heard, vip_bytes, &arp::Packet::target) == 0);
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
        CHECK(scene.heard.back().sender_mac == moved.mac);
    }
    SECTION("defended against a later taker, once") {
        scene.heard.clear();
        for (int i = 0; i < 2; ++i) {
            REQUIRE(scene.far_wire->send(arp::announcement(far_mac, vip_bytes)));
        }
        REQUIRE(scene.until([&] { return scene.announcements() == 1; }));
        CHECK_FALSE(scene.until([&] { return scene.announcements() > 1; }, 100ms));
        CHECK(scene.decisions.size() == 1);
    }
    SECTION("no longer wanted, no longer defended") {
        scene.announcer->claim({}, false);
        scene.heard.clear();
        REQUIRE(scene.far_wire->send(arp::announcement(far_mac, vip_bytes)));
        CHECK_FALSE(scene.until([&] { return scene.announcements() > 0; }, 100ms));
    }
}

TEST_CASE("a known address is announced without a probe", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene;
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
    Scene scene;
    scene.pair.far.run("ip addr add 10.1.0.80/24 dev far");
    scene.announcer->claim({scene.vip()}, false);
    REQUIRE(scene.decided(1));
    CHECK(scene.decisions.front().owner == far_mac);
    // Asked for again, told once.
    REQUIRE(scene.until([&] { return scene.probes() >= 4; }));
    CHECK(scene.decisions.size() == 1);
    CHECK(scene.announcements() == 0);

    scene.pair.far.run("ip addr del 10.1.0.80/24 dev far");
    REQUIRE(scene.decided(2));
    CHECK_FALSE(scene.decisions.back().owner);
    CHECK(scene.until([&] { return scene.announcements() >= 1; }));
}

TEST_CASE("another host's probe for the same address is a conflict", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene;
    scene.announcer->claim({scene.vip()}, false);
    REQUIRE(scene.until([&] { return scene.probes() >= 1; }));
    REQUIRE(scene.far_wire->send(arp::probe(far_mac, vip_bytes)));
    REQUIRE(scene.decided(1));
    CHECK(scene.decisions.front().owner == far_mac);
}

TEST_CASE("a question for the address, and our own MAC, are no conflict", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene;
    scene.announcer->claim({scene.vip()}, false);
    REQUIRE(scene.until([&] { return scene.probes() >= 1; }));
    arp::Frame question = arp::probe(far_mac, vip_bytes);
    std::ranges::copy(arp::Ipv4{10, 1, 0, 2}, question.begin() + 28);
    REQUIRE(scene.far_wire->send(question));
    REQUIRE(scene.far_wire->send(arp::announcement(near_mac, vip_bytes))); // by way of another of our links
    REQUIRE(scene.decided(1));
    CHECK_FALSE(scene.decisions.front().owner);
}

TEST_CASE("a claim on a link that is down waits for it", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene;
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
    Scene scene;
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

TEST_CASE("where there is no ARP there is nothing to ask", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene;
    Claim v6 = scene.vip();
    v6.address = Address::parse("2001:db8::80").value();
    scene.announcer->claim({scene.vip("lo"), v6}, false);
    REQUIRE(scene.decided(2));
    for (const Decision& decision : scene.decisions) {
        CHECK_FALSE(decision.owner);
    }
}

TEST_CASE("a pool of a thousand addresses is claimed at once", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene;
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
    Scene scene;
    Claim other = scene.vip();
    other.address = Address::parse("10.1.0.81").value();
    std::vector<Claim> taken;
    const Inside near(scene.pair.near);
    std::unique_ptr<Announcer> announcer;
    announcer =
        Announcer::start(scene.loop,
                         [&](const Claim& claim, std::optional<Mac>) {
                             taken.push_back(claim);
                             announcer->claim(taken.size() == 1 ? std::vector{other} : std::vector<Claim>{}, false);
                         },
                         {.between_probes = 5ms, .second_announcement = 5ms, .retry = 200ms})
            .value();
    announcer->claim({scene.vip()}, false);
    REQUIRE(scene.until([&] { return taken.size() == 2; }));
    CHECK(taken.back() == other);
}
