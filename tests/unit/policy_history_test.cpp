#include <catch2/catch.hpp>

#include <cmath>

#include "policy/history.hpp"

namespace history_test {
namespace {

using namespace std::chrono_literals;
using proxip::SocketAddress;
using proxip::policy::History;
using proxip::policy::Instant;
using proxip::policy::Series;

const Instant start{1000s};
const SocketAddress first = SocketAddress::parse("10.0.0.1:80").value();
const SocketAddress second = SocketAddress::parse("10.0.0.2:80").value();

// A service of two backends that counts.
struct Scene {
    History history;
    History::Sample sample{
        .connections = 3,
        .drops = {{"no_backend_available", 0}, {"ttl_expired", 7}},
        .services = {
            {.name = "web", .backends = {{.address = first, .counters = {}}, {.address = second, .counters = {}}}}}};

    History::Backend& backend(std::size_t i) { return sample.services.at(0).backends.at(i); }
    std::uint64_t& drops(const char* reason) { return sample.drops.at(reason); }
    void add(Instant now) { history.add(sample, now); }
    [[nodiscard]] const History::ServiceSeries& web() const { return *history.service("web"); }
};

} // namespace

TEST_CASE("history: rates are differences over time", "[policy]") {
    Scene scene;
    scene.backend(0).counters = {.opened = 100, .packets_in = 1, .packets_out = 2, .bytes_in = 1000, .bytes_out = 5};
    scene.add(start);
    CHECK_FALSE(scene.web().rates); // one look makes none
    CHECK(scene.history.totals().connections.last() == 3.0);
    scene.backend(0).counters = {.opened = 150, .packets_in = 11, .packets_out = 7, .bytes_in = 2000, .bytes_out = 10};
    scene.backend(1).counters.opened = 5;
    scene.drops("ttl_expired") = 17;
    scene.add(start + 5s);
    REQUIRE(scene.web().rates);
    CHECK(scene.web().rates->opened == Approx(11));
    CHECK(scene.web().rates->packets_in == Approx(2));
    CHECK(scene.web().rates->bits_in == Approx(1600));
    CHECK(scene.web().rates->bits_out == Approx(8));
    CHECK(scene.history.backend("web", second)->opened == Approx(1));
    CHECK(scene.history.totals().opened.last() == Approx(11));
    CHECK(scene.history.totals().drops.last() == Approx(2));
    CHECK(scene.history.drops().at("ttl_expired").rate.last() == Approx(2));
}

TEST_CASE("history: a backend that is new, or begun anew, has no rate yet", "[policy]") {
    Scene scene;
    scene.backend(0).counters.opened = 100;
    scene.add(start);
    scene.backend(0).counters.opened = 3; // its id was given to another
    scene.backend(1).counters.opened = 10;
    scene.add(start + 5s);
    CHECK_FALSE(scene.history.backend("web", first));
    CHECK(scene.web().rates->opened == Approx(2)); // of the other alone
    scene.sample.services.at(0).backends.pop_back();
    scene.add(start + 10s);
    CHECK_FALSE(scene.history.backend("web", second));
    CHECK(scene.history.backends() == 1);
    scene.sample.services.clear();
    scene.add(start + 15s);
    CHECK(scene.history.service("web") == nullptr);
    CHECK_FALSE(scene.history.totals().rates);
}

TEST_CASE("history: five minutes, and not more", "[policy]") {
    Scene scene;
    for (int i = 0; i < 200; ++i) {
        scene.sample.connections = static_cast<std::uint64_t>(i);
        scene.add(start + i * 5s);
    }
    const auto values = scene.history.totals().connections.values();
    REQUIRE(values.size() == Series::room);
    CHECK(Series::room * History::interval == 300s);
    CHECK(values.front() == 140);
    CHECK(values.back() == 199);
    CHECK(sizeof(Series) == 248); // told in docs/status-page.md
}

TEST_CASE("history: samples that were missed leave a gap", "[policy]") {
    Scene scene;
    scene.add(start);
    scene.add(start + 5s);
    scene.backend(0).counters.opened = 200;
    scene.add(start + 25s); // the agent was stopped for a while
    const auto values = scene.history.totals().connections.values();
    REQUIRE(values.size() == 6);
    CHECK(std::isnan(values[2]));
    CHECK(std::isnan(values[4]));
    CHECK(values[5] == 3);
    CHECK(scene.web().rates->opened == Approx(10)); // over the time that it took
    scene.add(start + 100h);
    CHECK(scene.history.totals().connections.values().size() == Series::room);
    scene.add(start + 100h); // no time has passed: no division by it
    CHECK(scene.history.totals().connections.values().size() == Series::room);
}

TEST_CASE("history: for how long drops have grown", "[policy]") {
    Scene scene;
    const auto grow = [&](std::string_view pattern) { // '+': some more, '.': none
        static int n = 0;
        for (const char c : pattern) {
            scene.drops("no_backend_available") += c == '+' ? 5 : 0;
            scene.add(start + ++n * 5s);
        }
        return scene.history.growing("no_backend_available");
    };
    CHECK_FALSE(grow("....."));
    CHECK(grow("+") == 5s);
    CHECK(grow("++") == 15s);
    CHECK(grow("..") == 25s); // a pause of ten seconds is none
    CHECK(grow("+") == 30s);
    CHECK_FALSE(grow("..."));
    CHECK_FALSE(scene.history.growing("ttl_expired"));
    CHECK_FALSE(scene.history.growing("never heard of"));
}

} // namespace history_test
