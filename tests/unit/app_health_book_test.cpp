#include <catch2/catch.hpp>

#include "app/health_book.hpp"

using namespace std::chrono_literals;
using proxip::CheckType;
using proxip::Config;
using proxip::Service;
using proxip::SocketAddress;
using proxip::app::HealthBook;
using proxip::policy::Health;
using proxip::policy::Instant;

namespace health_book_test {
namespace {

const Instant start{1000s};
const SocketAddress first = SocketAddress::parse("10.0.0.1:80").value();
const SocketAddress second = SocketAddress::parse("10.0.0.2:80").value();

struct Scene {
    Config config;
    HealthBook book;

    Scene() {
        Service web;
        web.name = "web";
        web.check.type = CheckType::http;
        web.check.rise = 2;
        web.check.fall = 3;
        web.backends = {{.address = first, .enabled = {}}, {.address = second, .enabled = {}}};
        config.services = {web};
        book.follow(config);
    }
    Service& web() { return config.services[0]; }
    // Each character a result: '+' success, '-' failure, '!' not made.
    void check(const SocketAddress& backend, std::string_view results, Instant now = start) {
        for (const char result : results) {
            book.record({.service = "web", .backend = backend, .check = web().check},
                        {.success = result == '+', .detail = std::string(1, result), .made = result != '!'}, now);
        }
    }
    [[nodiscard]] Health state(const SocketAddress& backend) const { return book.state("web", backend); }
};

} // namespace

TEST_CASE("health book: a changed check keeps what is known", "[app]") {
    Scene scene;
    scene.check(first, "+");
    scene.check(second, "-");
    scene.web().check.path = "/other";
    scene.web().check.fall = 2;
    scene.book.follow(scene.config);
    CHECK(scene.state(first) == Health::up);
    CHECK(scene.state(second) == Health::down);
    scene.check(first, "-");
    CHECK(scene.state(first) == Health::up);
    scene.check(first, "-");
    CHECK(scene.state(first) == Health::down);
}

TEST_CASE("health book: a new backend is judged by its first answer, one that serves is not", "[app]") {
    Scene scene;
    scene.check(first, "-");
    CHECK(scene.state(first) == Health::down); // nobody has seen it work

    scene.web().check.type = CheckType::none;
    scene.book.follow(scene.config);
    CHECK(scene.state(first) == Health::unknown); // nobody looks
    CHECK(scene.book.last_check("web", first).empty());
    scene.check(first, "---"); // one that was under way
    CHECK(scene.state(first) == Health::unknown);

    scene.web().check.type = CheckType::tcp;
    scene.book.follow(scene.config);
    scene.check(first, "--");
    CHECK(scene.state(first) == Health::unknown);
    scene.check(first, "-");
    CHECK(scene.state(first) == Health::down);
}

TEST_CASE("health book: a restart adopts what was known", "[app]") {
    Scene scene;
    scene.book.adopt_down("web", first);
    scene.book.adopt_serving("web", second);
    CHECK(scene.state(first) == Health::down);
    CHECK(scene.state(second) == Health::unknown);
    scene.check(first, "+");
    CHECK(scene.state(first) == Health::down);
    scene.check(first, "+");
    CHECK(scene.state(first) == Health::up);
    scene.check(second, "--");
    CHECK(scene.state(second) == Health::unknown);
    scene.check(second, "-");
    CHECK(scene.state(second) == Health::down);
}

TEST_CASE("health book: what could not be asked says nothing", "[app]") {
    Scene scene;
    scene.check(first, "+!!!!!");
    CHECK(scene.state(first) == Health::up);
    CHECK(scene.book.last_check("web", first) == "!");
    scene.check(first, "--!-");
    CHECK(scene.state(first) == Health::down);
}

TEST_CASE("health book: when it went down, and when it joined", "[app]") {
    Scene scene;
    scene.check(first, "+");
    CHECK_FALSE(scene.book.standing("web", first).joined.has_value()); // it counted as up before
    scene.check(first, "---", start + 1s);
    CHECK(scene.book.standing("web", first).went_down == start + 1s);
    scene.check(first, "++", start + 5s);
    CHECK_FALSE(scene.book.standing("web", first).went_down.has_value());
    CHECK(scene.book.standing("web", first).joined == start + 5s);
    scene.book.join("web", second, start + 7s);
    CHECK(scene.book.standing("web", second).joined == start + 7s);
    scene.web().backends.pop_back();
    scene.book.follow(scene.config);
    scene.web().backends.push_back({.address = second, .enabled = {}});
    scene.book.follow(scene.config);
    CHECK_FALSE(scene.book.standing("web", second).joined.has_value()); // forgotten with it
}

TEST_CASE("health book: since when, and when last looked", "[app]") {
    Scene scene;
    CHECK_FALSE(scene.book.times("web", first).since);
    CHECK_FALSE(scene.book.times("web", first).checked);
    scene.check(first, "+", start + 1s);
    CHECK(scene.book.times("web", first).since == start + 1s);
    scene.check(first, "--", start + 2s); // not down yet
    CHECK(scene.book.times("web", first).since == start + 1s);
    CHECK(scene.book.times("web", first).checked == start + 2s);
    scene.check(first, "-", start + 3s);
    CHECK(scene.book.times("web", first).since == start + 3s);
    scene.check(first, "!-", start + 9s);
    CHECK(scene.book.times("web", first).since == start + 3s);
    CHECK(scene.book.times("web", first).checked == start + 9s);
    scene.book.adopt_down("web", second); // an earlier agent knows since when
    CHECK_FALSE(scene.book.times("web", second).since);
    scene.web().check.type = CheckType::none;
    scene.book.follow(scene.config);
    CHECK_FALSE(scene.book.times("web", first).since);
    CHECK_FALSE(scene.book.times("web", first).checked);
}

} // namespace health_book_test
