#include <memory>

#include <catch2/catch.hpp>

#include "net/netlink.hpp"
#include "net_namespace.hpp"

using namespace std::chrono_literals;
using namespace proxip::net::test;
using proxip::net::Monitor;

namespace {

// What was reported, and how often.
struct Seen {
    Monitor::What what;
    int calls = 0;

    void add(Monitor::What more) {
        what.links = what.links || more.links;
        what.addresses = what.addresses || more.addresses;
        what.routes = what.routes || more.routes;
        what.neighbours = what.neighbours || more.neighbours;
        ++calls;
    }
};

std::unique_ptr<Monitor> watch(boost::asio::io_context& loop, const Namespace& there, Seen& seen,
                               std::chrono::milliseconds settle) {
    const Inside inside(there);
    return Monitor::start(loop, [&seen](Monitor::What what) { seen.add(what); }, settle).value();
}

} // namespace

TEST_CASE("the monitor tells what kind of thing changed", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    pair.near.run("sysctl -qw net.ipv6.conf.near.disable_ipv6=1 && ip addr add 10.1.0.1/24 dev near");
    boost::asio::io_context loop;
    Seen seen;
    const auto monitor = watch(loop, pair.near, seen, 5ms);

    SECTION("a link") {
        pair.near.run("ip link set near mtu 1400");
        CHECK(run_until(loop, [&] { return seen.what.links; }));
        CHECK_FALSE(seen.what.addresses);
        CHECK_FALSE(seen.what.neighbours);
    }
    SECTION("an address, and the routes that come with it") {
        pair.near.run("ip addr add 10.2.0.1/24 dev near");
        CHECK(run_until(loop, [&] { return seen.what.addresses && seen.what.routes; }));
        CHECK_FALSE(seen.what.links);
    }
    SECTION("a route") {
        pair.near.run("ip route add 10.3.0.0/16 via 10.1.0.9");
        CHECK(run_until(loop, [&] { return seen.what.routes; }));
        CHECK_FALSE(seen.what.addresses);
    }
    SECTION("a rule") {
        pair.near.run("ip rule add from 10.9.0.0/16 table 100");
        CHECK(run_until(loop, [&] { return seen.what.routes; }));
    }
    SECTION("a neighbour") {
        pair.near.run("ip neigh add 10.1.0.7 lladdr 02:00:00:00:00:07 dev near");
        CHECK(run_until(loop, [&] { return seen.what.neighbours; }));
        CHECK_FALSE(seen.what.routes);
    }
    SECTION("a bridge's forwarding table is not a neighbour") {
        pair.near.run("ip link add br0 type bridge && ip link set near master br0");
        REQUIRE(run_until(loop, [&] { return seen.what.links; }));
        seen = {};
        pair.near.run("bridge fdb add 02:00:00:00:00:66 dev near master static && ip route add 10.4.0.0/16 dev near");
        REQUIRE(run_until(loop, [&] { return seen.what.routes; }));
        CHECK_FALSE(seen.what.neighbours);
    }
    SECTION("a link that goes, and comes again") {
        pair.near.run("ip link del near");
        CHECK(run_until(loop, [&] { return seen.what.links; }));
        seen = {};
        pair.near.run("ip link add again type veth peer name other");
        CHECK(run_until(loop, [&] { return seen.what.links; }));
    }
}

TEST_CASE("a burst is reported once", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    boost::asio::io_context loop;
    Seen seen;
    const auto monitor = watch(loop, pair.near, seen, 50ms);
    pair.near.run("for i in 1 2 3 4 5 6 7 8; do ip addr add 10.$i.0.1/24 dev near; done");
    REQUIRE(run_until(loop, [&] { return seen.calls > 0; }));
    CHECK(seen.calls == 1);
    CHECK(seen.what.addresses);
}

TEST_CASE("changes without an end do not put the report off", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    boost::asio::io_context loop;
    Seen seen;
    const auto monitor = watch(loop, pair.near, seen, 300ms);
    const auto start = std::chrono::steady_clock::now();
    int changes = 0;
    while (seen.calls == 0 && changes < 1000) {
        pair.near.run(fmt::format("ip link set near mtu {}", 1400 + changes % 2));
        loop.restart();
        loop.poll();
        ++changes;
    }
    CHECK(seen.calls == 1);
    CHECK(changes > 1);
    CHECK(std::chrono::steady_clock::now() - start >= 300ms);
}

TEST_CASE("after an overrun everything counts as changed, and the monitor goes on", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    pair.near.run("ip addr add 10.1.0.1/24 dev near");
    boost::asio::io_context loop;
    Seen seen;
    const auto monitor = watch(loop, pair.near, seen, 5ms);
    // More routes than the socket holds, while nobody reads.
    pair.near.run("awk 'BEGIN { for (i = 0; i < 40000; i++) printf \"route add 100.64.%d.%d/32 dev near\\n\", "
                  "int(i / 256), i % 256 }' | ip -batch -");
    REQUIRE(run_until(loop, [&] { return seen.calls > 0; }));
    CHECK(seen.what.links);
    CHECK(seen.what.addresses);
    CHECK(seen.what.routes);
    CHECK(seen.what.neighbours);

    seen = {};
    pair.near.run("ip link set near mtu 1400");
    CHECK(run_until(loop, [&] { return seen.what.links; }));
    CHECK_FALSE(seen.what.addresses);
}

TEST_CASE("a monitor that is gone calls nobody", "[net][root]") {
    if (!may_unshare()) {
        return;
    }
    const Pair pair;
    boost::asio::io_context loop;
    Seen seen;
    auto monitor = watch(loop, pair.near, seen, 1ms);
    pair.near.run("ip link set near mtu 1400");
    loop.poll();
    monitor.reset();
    loop.restart();
    loop.run(); // ends: nothing is left to wait for
    CHECK(seen.calls == 0);
}
