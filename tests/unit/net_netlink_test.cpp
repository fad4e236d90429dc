#include <algorithm>

#include <catch2/catch.hpp>

#include "net/netlink.hpp"
#include "net_namespace.hpp"

using namespace std::chrono_literals;
using namespace proxip::net::test;
using proxip::Address;
using proxip::Prefix;
using proxip::net::Link;
using proxip::net::Mac;
using proxip::net::Monitor;
using proxip::net::Netlink;

namespace {

Address address(std::string_view text) {
    return Address::parse(text).value();
}

Link link_named(Netlink& netlink, std::string_view name) {
    const auto link = netlink.link(name);
    REQUIRE(link);
    REQUIRE(*link);
    return **link;
}

} // namespace

TEST_CASE("links as the kernel knows them", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    pair.near.run("ip link set near mtu 1400; ip link add br0 type bridge");
    const Inside inside(pair.near);
    const auto netlink = Netlink::open().value();

    const Link near = link_named(*netlink, "near");
    CHECK(near.name == "near");
    CHECK(near.kind == "veth");
    CHECK(near.mac == Mac{0x02, 0, 0, 0, 0, 0x01});
    CHECK(near.mtu == 1400);
    CHECK(near.up);
    CHECK(near.ethernet);

    const Link bridge = link_named(*netlink, "br0");
    CHECK(bridge.kind == "bridge");
    CHECK_FALSE(bridge.up);

    const Link loopback = link_named(*netlink, "lo");
    CHECK(loopback.kind.empty());
    CHECK_FALSE(loopback.ethernet);

    const auto all = netlink->links();
    REQUIRE(all);
    CHECK(all->size() == 3);
    CHECK(std::ranges::count(*all, near) == 1);

    CHECK_FALSE(netlink->link("nowhere").value());
    CHECK_FALSE(netlink->link("a-name-longer-than-any-link").value());
    CHECK_FALSE(netlink->link("").value());
}

TEST_CASE("a link without carrier is not up", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    pair.far.run("ip link set far down");
    const Inside inside(pair.near);
    CHECK_FALSE(link_named(*Netlink::open().value(), "near").up);
}

TEST_CASE("addresses and on-link routes", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    pair.near.run("ip addr add 10.1.0.1/24 dev near && ip addr add 2001:db8::1/64 dev near nodad && "
                  "ip route add 10.2.0.0/16 via 10.1.0.9 && ip route add 10.3.0.0/16 dev near && "
                  "ip route add 10.4.0.0/16 dev near table 100 && "
                  "ip route add 10.5.0.0/16 nexthop dev near nexthop via 10.1.0.9 dev near");
    const Inside inside(pair.near);
    const auto netlink = Netlink::open().value();
    const auto index = link_named(*netlink, "near").index;

    const auto addresses = netlink->addresses().value();
    for (const char* expected : {"127.0.0.1", "10.1.0.1", "2001:db8::1"}) {
        INFO(expected);
        CHECK(std::ranges::count(addresses, address(expected)) == 1);
    }

    std::vector<std::string> connected;
    const auto routes = netlink->connected().value();
    for (const auto& route : routes) {
        CHECK(route.link == index);
        if (route.prefix.base.text().starts_with("fe80")) {
            continue;
        }
        connected.push_back(route.prefix.text() + (route.source ? " from " + route.source->text() : ""));
    }
    std::ranges::sort(connected);
    CHECK(connected ==
          std::vector<std::string>{"10.1.0.0/24 from 10.1.0.1", "10.3.0.0/16", "10.5.0.0/16", "2001:db8::/64"});
}

TEST_CASE("the route to a destination", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    pair.near.run("sysctl -qw net.ipv6.conf.near.forwarding=1 && "
                  "ip addr add 10.1.0.1/24 dev near && ip addr add 2001:db8::1/64 dev near nodad && "
                  "ip route add 10.2.0.0/16 via 10.1.0.9 && ip route add 10.6.0.0/16 via inet6 2001:db8::9 && "
                  "ip route add 2001:db8:2::/64 via 2001:db8::9 && "
                  "ip route add unreachable 10.7.0.0/16 && ip route add blackhole 10.8.0.0/16 && "
                  "ip route add prohibit 10.9.0.0/16 && "
                  "ip route add unreachable 2001:db8:7::/64 && ip route add blackhole 2001:db8:8::/64 && "
                  "ip route add prohibit 2001:db8:9::/64 && ip route add 2001:db8:3::/64 via fe80::9 dev near && "
                  "ip route add 10.10.0.0/16 via inet6 fe80::9 dev near");
    const Inside inside(pair.near);
    const auto netlink = Netlink::open().value();
    const auto index = link_named(*netlink, "near").index;

    const auto on_link = netlink->route(address("10.1.0.7"));
    REQUIRE(on_link);
    CHECK(on_link->link == index);
    CHECK_FALSE(on_link->gateway);

    const std::vector<std::pair<const char*, const char*>> by_gateway{{"10.2.0.1", "10.1.0.9"},
                                                                      {"10.6.0.1", "2001:db8::9"},
                                                                      {"2001:db8:2::1", "2001:db8::9"},
                                                                      {"2001:db8:3::1", "fe80::9"},
                                                                      {"10.10.0.1", "fe80::9"}};
    for (const auto& [destination, gateway] : by_gateway) {
        INFO(destination);
        const auto route = netlink->route(address(destination));
        REQUIRE(route);
        CHECK(route->link == index);
        CHECK(route->gateway == address(gateway));
    }

    const std::vector<std::pair<const char*, const char*>> refused{
        {"192.0.2.1", "no route to host 192.0.2.1"},
        {"10.7.0.1", "no route to host 10.7.0.1"},
        {"10.8.0.1", "the route to 10.8.0.1 is a blackhole"},
        {"10.9.0.1", "the route to 10.9.0.1 is prohibited"},
        {"10.1.0.1", "10.1.0.1 is an address of this host"},
        {"10.1.0.255", "10.1.0.255 is a broadcast address"},
        {"2001:db8:99::1", "no route to host 2001:db8:99::1"},
        {"2001:db8:7::1", "no route to host 2001:db8:7::1"},
        {"2001:db8:8::1", "the route to 2001:db8:8::1 is a blackhole"},
        {"2001:db8:9::1", "the route to 2001:db8:9::1 is prohibited"},
        {"2001:db8::1", "2001:db8::1 is an address of this host"},
        {"2001:db8::", "2001:db8:: is an anycast address of this host's networks"},
        {"ff02::1", "ff02::1 is a multicast address"}};
    for (const auto& [destination, message] : refused) {
        const auto route = netlink->route(address(destination));
        INFO(destination);
        REQUIRE_FALSE(route);
        CHECK(route.error().message == message);
    }
}

TEST_CASE("a neighbour is resolved on demand", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    pair.near.run("ip addr add 10.1.0.1/24 dev near && ip addr add 2001:db8::1/64 dev near nodad && "
                  "ip neigh add 10.1.0.5 lladdr 02:00:00:00:00:55 dev near nud permanent");
    pair.far.run("ip addr add 10.1.0.2/24 dev far && ip addr add 2001:db8::2/64 dev far nodad");
    const Inside inside(pair.near);
    const auto netlink = Netlink::open().value();
    const auto index = link_named(*netlink, "near").index;

    for (const char* text : {"10.1.0.2", "2001:db8::2"}) {
        INFO(text);
        const Address far = address(text);
        boost::asio::io_context loop;
        bool heard = false;
        const auto monitor = Monitor::start(loop, [&](Monitor::What what) { heard = heard || what.neighbours; }, 1ms);
        REQUIRE(monitor);
        CHECK_FALSE(netlink->neighbour(index, far).value());

        REQUIRE(netlink->resolve(index, far));
        const auto is_valid = [&] {
            const auto found = netlink->neighbour(index, far).value();
            return heard && found && found->valid;
        };
        REQUIRE(run_until(loop, is_valid));
        CHECK(netlink->neighbour(index, far).value()->mac == Mac{0x02, 0, 0, 0, 0, 0x02});
    }

    SECTION("nobody there: an entry without a usable MAC") {
        REQUIRE(netlink->resolve(index, address("10.1.0.3")));
        const auto found = netlink->neighbour(index, address("10.1.0.3")).value();
        CHECK((!found || !found->valid));
    }
    SECTION("again") {
        REQUIRE(netlink->resolve(index, address("10.1.0.2")));
        CHECK(netlink->neighbour(index, address("10.1.0.2")).value()->valid);
    }
    SECTION("a permanent entry stays permanent") {
        REQUIRE(netlink->resolve(index, address("10.1.0.5")));
        pair.near.run("ip neigh show 10.1.0.5 dev near | grep -q 02:00:00:00:00:55.*PERMANENT");
        CHECK(netlink->neighbour(index, address("10.1.0.5")).value()->valid);
    }
    SECTION("a link that is not there") {
        const auto result = netlink->resolve(9999, address("10.1.0.2"));
        REQUIRE_FALSE(result);
        CHECK(result.error().message == "resolve 10.1.0.2: No such device");
        CHECK_FALSE(netlink->neighbour(9999, address("10.1.0.2")));
    }
}
