// Two readings to rates, and lbctl top with an agent and a screen that are played.

#include <catch2/catch.hpp>

#include <deque>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/human.hpp"
#include "cli/rates.hpp"
#include "cli/render_top.hpp"
#include "cli/run.hpp"

namespace cli_rates_test {
namespace {

namespace api = proxip::api;
namespace cli = proxip::cli;
using proxip::ErrorCode;
using proxip::Millis;
using proxip::Result;
using Json = nlohmann::json;

api::Top::Backend backend(std::string address, std::uint64_t scale) {
    return {std::move(address),          "up", "up", 3 * scale, 10 * scale, {100 * scale, 200 * scale},
            {1000 * scale, 2000 * scale}};
}

api::Top reading(double at, std::uint64_t scale) {
    api::Top out;
    out.time = "2026-01-02T03:04:05.678Z";
    out.at = at;
    out.generation = 7;
    out.connections = 6;
    out.max_connections = 1000;
    out.services = {{"web", "tcp://1.1.1.80:80", {backend("1.1.1.11:80", scale), backend("1.1.1.12:80", 2 * scale)}}};
    out.drops = {{"no_backend_available", 4 * scale}, {"ttl_expired", 0}};
    out.pools = {{"default", 5, 64512, api::Top::Use{"tcp://1.1.1.11:80", 5, 10}}};
    out.clients = {{"1.1.1.100", 3, 4}};
    return out;
}

struct PlayedScreen final : cli::Screen {
    std::deque<std::optional<char>>& keys;
    std::vector<std::string>& pages;
    std::chrono::steady_clock::time_point& now;

    PlayedScreen(std::deque<std::optional<char>>& pressed, std::vector<std::string>& shown,
                 std::chrono::steady_clock::time_point& clock)
        : keys(pressed), pages(shown), now(clock) {}
    [[nodiscard]] Size size() const override { return {.columns = 100, .rows = 24}; }
    void draw(const std::string& text) override { pages.push_back(text); }
    [[nodiscard]] std::optional<char> key(Millis wait) override {
        const auto pressed = keys.empty() ? std::optional('q') : keys.front();
        if (!keys.empty()) {
            keys.pop_front();
        }
        now += pressed ? Millis{0} : wait;
        return pressed;
    }
};

struct Played {
    std::deque<Result<api::Answer>> answers;
    bool terminal = false;
    std::deque<std::optional<char>> keys{};
    std::vector<std::string> pages{};
    std::chrono::steady_clock::time_point now{};
    std::ostringstream out{};
    std::ostringstream err{};

    int run(const std::vector<std::string>& args) {
        const cli::World world{[this](const auto&, const api::Request&, Millis) {
                                   REQUIRE_FALSE(answers.empty());
                                   auto next = answers.front();
                                   answers.pop_front();
                                   return next;
                               },
                               [this] { return now; },
                               [this](Millis time) { now += time; },
                               {{}, [](const std::string&) -> Result<std::string> { return ""; }},
                               out,
                               err,
                               {},
                               [this]() -> std::unique_ptr<cli::Screen> {
                                   return terminal ? std::make_unique<PlayedScreen>(keys, pages, now) : nullptr;
                               },
                               {},
                               {}};
        return cli::run(args, world);
    }
};

TEST_CASE("rates: what grew, by the agent's own time") {
    const auto report = cli::rates_between(reading(10, 1), reading(12, 3));
    REQUIRE(report.services.size() == 1);
    const auto& first = report.services[0].backends.at(0);
    CHECK(report.interval == Approx(2));
    CHECK(first.flow.connections.value() == Approx(10));
    CHECK(first.flow.packets_in.value() == Approx(100));
    CHECK(first.flow.bits_out.value() == Approx(16000));
    CHECK(report.services[0].flow.packets_in.value() == Approx(300));
    CHECK(report.flow.bits_in.value() == Approx(24000));
    CHECK(report.services[0].connections == 27);
    const auto drop = std::ranges::find(report.drops, "no_backend_available", &cli::TopReport::Drop::reason);
    CHECK(drop->packets == 12);
    CHECK(drop->rate.value() == Approx(4));
}

TEST_CASE("rates: a counter that went back began anew") {
    const auto report = cli::rates_between(reading(10, 5), reading(11, 2));
    CHECK(report.services[0].backends[0].flow.packets_in.value() == Approx(200));
    CHECK(report.services[0].backends[0].flow.connections.value() == Approx(20));
}

TEST_CASE("rates: what was not there at first has none, and neither has no time") {
    auto before = reading(10, 1);
    before.services[0].backends.pop_back();
    const auto report = cli::rates_between(before, reading(11, 2));
    CHECK(report.services[0].backends[0].flow.packets_in.has_value());
    CHECK_FALSE(report.services[0].backends[1].flow.packets_in.has_value());
    CHECK(report.services[0].flow.packets_in.value() == Approx(100));
    auto moved = reading(10, 1);
    moved.services[0].address = "tcp://1.1.1.81:80"; // another service of that name
    CHECK_FALSE(cli::rates_between(moved, reading(11, 2)).services[0].flow.packets_in.has_value());
    CHECK_FALSE(cli::rates_between(reading(10, 1), reading(10, 2)).services[0].flow.packets_in.has_value());
}

TEST_CASE("rates: sorted") {
    auto report = cli::rates_between(reading(10, 1), reading(11, 2));
    cli::sort(report, cli::TopSort::bits);
    CHECK(report.services[0].backends[0].address == "1.1.1.12:80");
    cli::sort(report, cli::TopSort::name);
    CHECK(report.services[0].backends[0].address == "1.1.1.11:80");
    CHECK(report.drops[0].reason == "no_backend_available");
}

TEST_CASE("top: off a terminal one report, of one interval") {
    Played agent{{reading(10, 1), reading(11, 2)}};
    CHECK(agent.run({"top"}) == 0);
    CHECK(agent.now.time_since_epoch() == Millis{1000});
    CHECK_THAT(agent.out.str(), Catch::Contains("web") && Catch::Contains("100 / 200") && Catch::Contains("CLIENT"));
    CHECK_THAT(agent.out.str(), Catch::Contains("no_backend_available") && !Catch::Contains("ttl_expired"));
}

TEST_CASE("top: JSON, a line a report") {
    Played agent{{reading(10, 1), reading(11, 2), reading(13, 4)}};
    CHECK(agent.run({"top", "-o", "json", "-n", "2", "-d", "2s"}) == 0);
    std::istringstream lines(agent.out.str());
    std::string first;
    std::string second;
    std::string none;
    CHECK((std::getline(lines, first) && std::getline(lines, second) && !std::getline(lines, none)));
    const auto json = Json::parse(second);
    CHECK(json["interval_seconds"] == 2.0);
    CHECK(json["services"][0]["packets_per_second"]["in"] == 300.0);
    CHECK(json["services"][0]["backends"].size() == 2);
    CHECK(json["drops"]["ttl_expired"] == Json{{"packets", 0}, {"per_second", 0.0}});
    CHECK(json["pools"][0]["fullest"]["capacity"] == 10);
    CHECK(json["clients"][0]["proxy_ports"] == 4);
}

TEST_CASE("top: on a terminal until q, and an agent that is away is told on it") {
    Played agent{{reading(10, 1), reading(11, 2), proxip::fail(ErrorCode::unreachable, "no agent listens here", "/s"),
                  reading(13, 4)},
                 true,
                 {std::nullopt, std::nullopt, 'b', std::nullopt, 'n', 'q'}};
    CHECK(agent.run({"top"}) == 0);
    CHECK(agent.out.str().empty());
    REQUIRE(agent.pages.size() >= 5);
    CHECK_THAT(agent.pages[1], Catch::Contains("1.1.1.12:80") && Catch::Contains("by bits"));
    CHECK(
        std::ranges::any_of(agent.pages, [](const auto& page) { return page.find("no agent listens") != page.npos; }));
    CHECK_THAT(agent.pages.back(), !Catch::Contains("1.1.1.12:80") && Catch::Contains("by name"));
}

TEST_CASE("top: nobody there from the beginning is an error") {
    Played agent{{proxip::fail(ErrorCode::unreachable, "no agent listens here", "/s")}, true};
    CHECK(agent.run({"top"}) == 3);
    CHECK(agent.pages.empty());
    CHECK_FALSE(agent.err.str().empty());
}

TEST_CASE("top: what it takes") {
    for (const auto& wrong : {std::vector<std::string>{"top", "-d", "10ms"},
                              {"top", "-n", "0"},
                              {"top", "--sort", "x"},
                              {"top", "--clients", "-1"}}) {
        Played agent{};
        CHECK(agent.run(wrong) == 2);
    }
}

TEST_CASE("a page keeps to the screen") {
    auto report = cli::rates_between(reading(10, 1), reading(11, 2));
    for (int i = 0; i < 50; ++i) {
        report.services.push_back(report.services[0]);
    }
    for (const std::size_t rows : {5U, 10U, 24U, 60U}) {
        const auto page = cli::page_of(report, {}, {.columns = 80, .rows = rows});
        CHECK(std::ranges::count(page, '\n') + 1 == static_cast<std::ptrdiff_t>(rows));
    }
    CHECK_THAT(cli::page_of(report, {}, {.columns = 80, .rows = 24}), Catch::Contains("more"));
    CHECK(cli::clipped("abc", 2) == "ab");
    CHECK(cli::clipped("…bc", 2) == "…b");
    CHECK(cli::clipped("abc", 80) == "abc");
}

TEST_CASE("rates for people") {
    CHECK(cli::human_rate(0) == "0");
    CHECK(cli::human_rate(0.34) == "0.3");
    CHECK(cli::human_rate(9.96) == "10");
    CHECK(cli::human_rate(123.4) == "123");
    CHECK(cli::human_rate(1500) == "1.5k");
    CHECK(cli::human_rate(2.34e9) == "2.3G");
}

} // namespace
} // namespace cli_rates_test
