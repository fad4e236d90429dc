// The solicited-node groups of claimed addresses, as the kernel has them.

#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "net/groups.hpp"
#include "net/ndp.hpp"
#include "net_scene.hpp"

using namespace std::chrono_literals;
using namespace proxip::net::test;
using proxip::Address;
using proxip::Family;
using proxip::net::Claim;
using proxip::net::Groups;
namespace ndp = proxip::net::ndp;

namespace {

std::string proc_net(const Namespace& there, const char* name) {
    const Inside inside(there);
    std::ostringstream text;
    text << std::ifstream(fmt::format("/proc/thread-self/net/{}", name)).rdbuf();
    return text.str();
}

std::size_t occurrences(std::string_view text, std::string_view what) {
    std::size_t found = 0;
    for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) {
        ++found;
    }
    return found;
}

// Known to IPv6, which reports it to switches; and in the NIC's filter.
bool is_joined(const Namespace& there) {
    return occurrences(proc_net(there, "igmp6"), "ff0200000000000000000001ff000080") == 1;
}
bool is_admitted(const Namespace& there) {
    return occurrences(proc_net(there, "dev_mcast"), "3333ff000080") == 1;
}

} // namespace

TEST_CASE("the solicited-node group of a claimed address is joined, and left with it", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(Family::v6);
    CHECK_FALSE(is_joined(scene.pair.near));
    scene.announcer->claim({scene.vip()}, GENERATE(true, false));
    REQUIRE(scene.until([&] { return !scene.heard.empty(); }));
    CHECK(is_joined(scene.pair.near));
    CHECK(is_admitted(scene.pair.near));

    SECTION("as long as one address of the group is claimed") {
        Claim other = scene.vip();
        other.address = Address::parse("2001:db8:1::80").value();
        scene.announcer->claim({scene.vip(), other}, true);
        REQUIRE(scene.decided(2));
        scene.announcer->claim({other}, true);
        CHECK(is_joined(scene.pair.near));
        CHECK(is_admitted(scene.pair.near));
    }
    scene.announcer->claim({}, false);
    CHECK_FALSE(is_joined(scene.pair.near));
    CHECK_FALSE(is_admitted(scene.pair.near));
}

TEST_CASE("the groups go with the announcer", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(Family::v6);
    scene.announcer->claim({scene.vip()}, true);
    REQUIRE(scene.decided(1));
    REQUIRE(is_joined(scene.pair.near));
    scene.announcer.reset();
    CHECK_FALSE(is_joined(scene.pair.near));
    CHECK_FALSE(is_admitted(scene.pair.near));
}

TEST_CASE("a group is joined again when its link is back", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(Family::v6);
    scene.announcer->claim({scene.vip()}, true);
    REQUIRE(scene.decided(1));
    scene.pair.near.run("ip link set near down");
    SECTION("the same") {
        scene.pair.near.run("ip link set near up");
    }
    SECTION("after IPv6 forgot all of it") {
        scene.pair.near.run("ip link set near mtu 1200 && ip link set near up");
        CHECK_FALSE(is_joined(scene.pair.near));
        CHECK(is_admitted(scene.pair.near));
        scene.pair.near.run("ip link set near mtu 1500");
    }
    SECTION("another one with the same number") {
        const auto index = scene.vip().link;
        scene.pair.near.run(fmt::format("ip link del near && ip link add near address 02:00:00:00:00:01 index {} type "
                                        "veth peer name there && ip link set there up && ip link set near up",
                                        index));
        CHECK_FALSE(is_admitted(scene.pair.near));
    }
    scene.announcer->announce(scene.vip().link);
    CHECK(is_joined(scene.pair.near));
    CHECK(is_admitted(scene.pair.near));
}

TEST_CASE("where IPv6 is off, the NIC lets solicitations and advertisements in all the same", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(Family::v6);
    const std::string off = GENERATE("sysctl -qw net.ipv6.conf.near.disable_ipv6=1", "ip link set near mtu 1200");
    const bool before = GENERATE(true, false);
    CAPTURE(off, before);
    if (before) {
        scene.pair.near.run(off);
    }
    scene.announcer->claim({scene.vip()}, false);
    REQUIRE(scene.decided(1));
    if (!before) {
        scene.pair.near.run(off);
    }
    CHECK(is_admitted(scene.pair.near));
    CHECK(occurrences(proc_net(scene.pair.near, "dev_mcast"), "near            1     0     333300000001") == 1);
}

TEST_CASE("more groups than one socket may hold", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    const auto link = Scene::index_of(pair.near, "near");
    const Inside inside(pair.near);
    Groups groups;
    std::set<Groups::Place> places;
    Address address = Address::parse("2001:db8::7f:0").value();
    for (int i = 0; i < 3000; ++i, address = address.next()) { // a default socket's memory holds about 2,300, or 370
        places.emplace(link, ndp::solicited_node(address));
    }
    for (const auto& place : places) {
        groups.join(place);
    }
    const auto joined = [&] { return occurrences(proc_net(pair.near, "igmp6"), "ff0200000000000000000001ff7f"); };
    CHECK(joined() == places.size());
    groups.renew(link);
    CHECK(joined() == places.size());
    groups.keep({*places.begin(), *places.rbegin()});
    CHECK(joined() == 2);
    groups.keep({});
    CHECK(joined() == 0);
}

TEST_CASE("an announcement moves the address in a neighbour's cache", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    Scene scene(Family::v6);
    scene.pair.far.run("ip addr add 2001:db8::2/64 dev far nodad && "
                       "ip neigh add 2001:db8::80 lladdr 02:00:00:00:00:77 dev far nud stale");
    scene.announcer->claim({scene.vip()}, true);
    const auto moved = [&] {
        const Inside far(scene.pair.far);
        const auto known =
            proxip::net::Netlink::open().value()->neighbour(Scene::index_of(scene.pair.far, "far"), scene.address());
        return known && *known && (*known)->mac == near_mac;
    };
    CHECK(scene.until(moved));
}
