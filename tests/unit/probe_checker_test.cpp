#include <array>
#include <chrono>
#include <map>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>
#include <sys/resource.h>

#include "probe_bench.hpp"

using namespace std::chrono_literals;
using namespace proxip;
using namespace proxip::probe::test;
using boost::asio::ip::tcp;
using probe::Checker;
using probe::Outcome;
using probe::Target;

namespace probe_checker_test {
namespace {

// A server on loopback whose connections nobody accepts until asked.
struct Server {
    tcp::acceptor acceptor;

    explicit Server(boost::asio::io_context& loop, int backlog = 128) : acceptor(loop, tcp::v4()) {
        acceptor.bind({loopback, 0});
        acceptor.listen(backlog);
    }
    [[nodiscard]] std::uint16_t port() const { return acceptor.local_endpoint().port(); }
};

// A server that does not answer a SYN: its queue of connections is full.
struct Silent : Server {
    tcp::socket first;
    tcp::socket second;

    explicit Silent(boost::asio::io_context& loop) : Server(loop, 0), first(loop), second(loop) {
        first.connect({loopback, port()});
        second.async_connect({loopback, port()}, [](const boost::system::error_code&) {});
    }
};

} // namespace

TEST_CASE("a server that accepts is a success, told with the time it took", "[probe]") {
    Bench bench;
    const Server server(bench.loop);
    bench.checker->watch({target(server.port())});
    REQUIRE(bench.reported(server.port()));
    const Reported& first = bench.reports.front();
    CHECK(first.outcome.success);
    CHECK(first.outcome.made);
    CHECK_THAT(first.outcome.detail, Catch::Matches(R"(connected in \d+\.\d ms)"));
    CHECK(first.target == target(server.port()));
}

TEST_CASE("a server is asked by IPv6 where that is its address", "[probe]") {
    Bench bench;
    const auto loopback_v6 = boost::asio::ip::address_v6::loopback();
    tcp::acceptor acceptor(bench.loop, tcp::v6());
    boost::system::error_code error;
    if (acceptor.bind({loopback_v6, 0}, error)) {
        WARN("SKIPPED: no IPv6 on loopback");
        return;
    }
    acceptor.listen();
    const auto port = acceptor.local_endpoint().port();
    Target asked = target(port);
    asked.backend.address = Address::parse("::1").value();
    bench.checker->watch({asked});
    REQUIRE(bench.reported(port));
    CHECK(bench.reports.front().outcome.success);
}

TEST_CASE("a port that nobody listens on is refused", "[probe]") {
    Bench bench;
    const auto port = closed_port(bench.loop);
    bench.checker->watch({target(port)});
    REQUIRE(bench.reported(port));
    CHECK_FALSE(bench.reports.front().outcome.success);
    CHECK(bench.reports.front().outcome.made);
    CHECK(bench.reports.front().outcome.detail == "connection refused");
}

TEST_CASE("a server that does not answer times out", "[probe]") {
    Bench bench;
    const Silent silent(bench.loop);
    const auto start = Clock::now();
    bench.checker->watch({target(silent.port(), 300ms, 200ms)});

    REQUIRE(bench.reported(silent.port()));
    CHECK_FALSE(bench.reports.front().outcome.success);
    CHECK(bench.reports.front().outcome.detail == "timed out after 200ms");
    CHECK(bench.reports[0].when - start >= 200ms);
}

TEST_CASE("a check is over when the next one is due", "[probe]") {
    Bench bench;
    const Silent silent(bench.loop);
    const auto start = Clock::now();
    bench.checker->watch({target(silent.port(), 100ms, 5s)});

    REQUIRE(bench.reported(silent.port(), 3));
    CHECK(bench.reports.front().outcome.detail == "timed out after 100ms");
    // Never two at a time: each has its whole time, and the next begins behind it.
    CHECK(bench.reports[2].when - start >= 300ms);
}

TEST_CASE("the check's own port is called where it has one", "[probe]") {
    Bench bench;
    const Server server(bench.loop);
    Target checked = target(closed_port(bench.loop));
    checked.check.port = server.port();
    bench.checker->watch({checked});
    REQUIRE(bench.reported(checked.backend.port));
    CHECK(bench.reports.front().outcome.success);
}

TEST_CASE("an address without a route is told as it is", "[probe]") {
    Bench bench;
    Target checked = target(80);
    checked.backend.address = Address::parse("255.255.255.255").value(); // the kernel refuses to connect there
    bench.checker->watch({checked});
    REQUIRE(bench.reported(80));
    CHECK_FALSE(bench.reports.front().outcome.success);
    CHECK(bench.reports.front().outcome.detail == "network is unreachable");
}

TEST_CASE("a connection ends by RST, so that no TIME_WAIT is left here", "[probe]") {
    Bench bench;
    Server server(bench.loop);
    bench.checker->watch({target(server.port(), 60s)});
    REQUIRE(bench.reported(server.port()));
    tcp::socket accepted = server.acceptor.accept();
    std::array<char, 1> byte{};
    boost::system::error_code error;
    static_cast<void>(accepted.read_some(boost::asio::buffer(byte), error));
    CHECK(error == boost::asio::error::connection_reset);
}

TEST_CASE("the interval counts from start to start", "[probe]") {
    Bench bench;
    const Server server(bench.loop);
    const auto start = Clock::now();
    bench.checker->watch({target(server.port(), 100ms)});
    REQUIRE(bench.reported(server.port(), 6));
    const auto taken = bench.reports[5].when - start;
    CHECK(taken >= 5 * 95ms);
    CHECK(taken < 5 * 200ms);
}

TEST_CASE("a target that stays keeps its rhythm", "[probe]") {
    Bench bench;
    const Server steady(bench.loop);
    const Server quick(bench.loop);
    const std::vector both{target(steady.port(), 60s), target(quick.port(), 20ms)};
    for (std::size_t i = 1; i <= 5; ++i) {
        bench.checker->watch(both);
        REQUIRE(bench.reported(quick.port(), i));
    }
    CHECK(bench.count(steady.port()) == 1);

    SECTION("a changed check begins anew, at once") {
        bench.checker->watch({target(steady.port(), 50s), both[1]});
        CHECK(bench.reported(steady.port(), 2));
    }
    SECTION("the same backend in another service is another target") {
        bench.checker->watch({both[0], both[1], target(steady.port(), 60s, 1s, "other")});
        REQUIRE(bench.reported(steady.port(), 2));
        CHECK(bench.reports.back().target.service == "other");
    }
}

TEST_CASE("a target that goes is not reported any more", "[probe]") {
    Bench bench;
    Silent silent(bench.loop);
    const Server server(bench.loop);
    bench.checker->watch({target(silent.port(), 50ms, 100ms), target(server.port(), 20ms)});
    REQUIRE(bench.reported(server.port())); // the other check is under way
    REQUIRE(bench.count(silent.port()) == 0);

    SECTION("taken out of the set") {
        bench.checker->watch({target(server.port(), 20ms)});
        REQUIRE(bench.reported(server.port(), 10)); // for longer than the timeout
        CHECK(bench.count(silent.port()) == 0);
    }
    SECTION("with the checker") {
        bench.checker.reset();
        silent.second.close();
        const auto before = bench.reports.size();
        bench.loop.restart();
        bench.loop.run_for(5s); // ends by itself, for there is nothing left to wait for
        CHECK(bench.loop.stopped());
        CHECK(bench.reports.size() == before);
    }
}

TEST_CASE("the set may change from within a report", "[probe]") {
    Bench bench;
    const Server server(bench.loop);
    int calls = 0;
    std::unique_ptr<Checker> checker;
    checker = Checker::make(bench.loop, [&](const Target&, const Outcome&) {
        ++calls;
        checker->watch({});
    });
    checker->watch({target(server.port(), 5ms), target(server.port(), 5ms, 1s, "other")});
    bench.loop.restart();
    bench.loop.run_for(5s);
    CHECK(bench.loop.stopped());
    CHECK(calls == 1);
}

TEST_CASE("many targets are spread, and all are checked in time", "[probe]") {
    Bench bench;
    const Server server(bench.loop, 4096);
    std::vector<Target> targets;
    for (int i = 0; i < 1000; ++i) {
        targets.push_back(target(server.port(), 2s, 1s, "service" + std::to_string(i)));
    }
    const auto start = Clock::now();
    bench.checker->watch(targets);
    REQUIRE(bench.reported(server.port(), targets.size()));
    CHECK(std::ranges::all_of(bench.reports, [](const Reported& report) { return report.outcome.success; }));
    CHECK(bench.reports.back().when - start >= 190ms);

    std::map<std::string, int> each;
    for (const Reported& report : bench.reports) {
        ++each[report.target.service];
    }
    CHECK(each.size() == targets.size());
}

TEST_CASE("the jitter is the check's own", "[probe]") {
    Bench bench;
    const Server server(bench.loop);
    Target checked = target(server.port(), 100ms);
    checked.check.jitter = 0ms;
    SECTION("none") {
        const auto start = Clock::now();
        bench.checker->watch({checked});
        REQUIRE(bench.reported(server.port(), 6));
        CHECK(bench.reports[5].when - start >= 5 * 100ms);
    }
    SECTION("half of the interval") {
        checked.check.jitter = 50ms;
        bench.checker->watch({checked});
        REQUIRE(bench.reported(server.port(), 8));
        Clock::duration least = 1h;
        for (std::size_t i = 1; i < 8; ++i) {
            least = std::min(least, bench.reports[i].when - bench.reports[i - 1].when);
        }
        CHECK(least < 95ms); // by chance not so once in 10^7
    }
}

TEST_CASE("a checker that has no descriptor says nothing of the backend", "[probe]") {
    Bench bench;
    const Server server(bench.loop);
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const Outcome outcome = bench.outcome_of(target(server.port()));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_FALSE(outcome.made);
    CHECK(outcome.detail == "not checked: too many open files");
}

} // namespace probe_checker_test
