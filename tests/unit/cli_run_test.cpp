// From arguments to exit code, with an agent that is played.

#include <catch2/catch.hpp>
#include <deque>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run.hpp"

namespace {

namespace api = proxip::api;
namespace cli = proxip::cli;
using proxip::ErrorCode;
using proxip::Millis;
using proxip::Result;
using Json = nlohmann::json;

// Answers in turn, a clock that only sleeping moves, and what was printed.
struct Played {
    std::deque<Result<api::Answer>> answers;
    std::vector<std::string> requests{};
    std::filesystem::path socket{};
    std::chrono::steady_clock::time_point now{};
    std::ostringstream out{};
    std::ostringstream err{};

    int run(const std::vector<std::string>& args) {
        const cli::World world{[this](const auto& path, const api::Request& request, Millis) {
                                   socket = path;
                                   requests.push_back(api::encode(request)["request"].get<std::string>());
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
                               [](const std::filesystem::path&, const proxip::Error&) {
                                   return api::Doctor{{{"error", "agent_socket", "s", "what", "why", "fix"}}, {}};
                               }};
        return cli::run(args, world);
    }
};

api::Answer backends(std::uint64_t first, std::uint64_t second) {
    return std::vector<api::BackendView>{{"web", "1.1.1.11:80", 1, "drain", "up", "drain", false, first, ""},
                                         {"web", "1.1.1.12:80", 1, "up", "up", "enabled", false, second, ""}};
}

} // namespace

TEST_CASE("exit codes follow the error") {
    const std::pair<ErrorCode, int> cases[] = {{ErrorCode::invalid, 1},
                                               {ErrorCode::refused, 1},
                                               {ErrorCode::failed, 1},
                                               {ErrorCode::unreachable, 3},
                                               {ErrorCode::denied, 4},
                                               {ErrorCode::not_found, 5},
                                               {ErrorCode::generation_mismatch, 7},
                                               {ErrorCode::timeout, 8}};
    for (const auto& [code, expected] : cases) {
        Played agent{{proxip::fail(code, "because", "here")}};
        CHECK(agent.run({"status"}) == expected);
        CHECK(agent.out.str().empty());
        CHECK(agent.err.str() == "lbctl: here: because\n");
    }
    Played agent;
    CHECK(agent.run({"nonsense"}) == 2);
    CHECK(agent.requests.empty());
}

TEST_CASE("with -o json an error is JSON on stderr, also a usage error") {
    Played agent{{proxip::fail(ErrorCode::denied, "no", "/s")}};
    CHECK(agent.run({"-o", "json", "--socket", "/s", "status"}) == 4);
    CHECK(agent.socket == "/s");
    CHECK(Json::parse(agent.err.str())["error"]["code"] == "denied");
    Played nobody;
    CHECK(nobody.run({"service", "add", "-o", "json"}) == 2);
    CHECK(Json::parse(nobody.err.str())["error"]["code"] == "usage");
    CHECK(nobody.out.str().empty());
}

TEST_CASE("data goes to stdout") {
    Played agent{{api::ConnCount{3, 0}, api::ConnCount{3, 1}}};
    CHECK(agent.run({"conn", "count"}) == 0);
    CHECK(agent.out.str() == "3\n");
    agent.out.str("");
    CHECK(agent.run({"conn", "count", "-o", "json"}) == 0);
    CHECK(Json::parse(agent.out.str()) == Json{{"connections", 3}, {"closed", 1}});
    CHECK(agent.err.str().empty());
}

TEST_CASE("output that cannot be written is a failure") {
    Played agent{{api::ConnCount{3, 0}}};
    agent.out.setstate(std::ios::badbit);
    CHECK(agent.run({"conn", "count"}) == 1);
    CHECK_FALSE(agent.err.str().empty());
}

TEST_CASE("drain --wait ends when the last connection does") {
    Played agent{
        {api::Plan{8, true, {{"change", "service[web].backend[1.1.1.11:80].admin", "enabled", "drain"}}, 0, 0, 0, {}},
         backends(2, 9), backends(1, 9), backends(0, 9)}};
    CHECK(agent.run({"backend", "drain", "web", "1.1.1.11:80", "--wait", "60s"}) == 0);
    CHECK(agent.requests == std::vector<std::string>{"backend.admin", "backend.show", "backend.show", "backend.show"});
    CHECK_THAT(agent.out.str(), Catch::Contains("generation 8"));
}

TEST_CASE("a backend that is gone has no connections") {
    Played agent{{api::Plan{}, std::vector<api::BackendView>{}}};
    CHECK(agent.run({"backend", "drain", "web", "1.1.1.11:80", "--wait", "1s"}) == 0);
}

TEST_CASE("drain --wait in vain") {
    Played agent{{api::Plan{}}};
    for (int i = 0; i < 10; ++i) {
        agent.answers.emplace_back(backends(1, 0));
    }
    const auto begin = agent.now;
    CHECK(agent.run({"backend", "drain", "web", "1.1.1.11:80", "--wait", "1s"}) == 8);
    CHECK(agent.now - begin == Millis{1000});
    CHECK(agent.err.str() == "lbctl: web: 1 connection left after 1s\n");
}

TEST_CASE("doctor: an error makes it fail, a warning and a note do not") {
    const auto code = [](std::vector<std::string> severities) {
        api::Doctor doctor;
        for (std::string& severity : severities) {
            doctor.findings.push_back({std::move(severity), "mtu", "eth1", "what", "why", "fix"});
        }
        return Played{{doctor}}.run({"doctor"});
    };
    CHECK(code({}) == 0);
    CHECK(code({"warning", "note"}) == 0);
    CHECK(code({"error", "note"}) == 1);
}

TEST_CASE("doctor says what it can when no agent answers") {
    Played played{{proxip::fail(ErrorCode::unreachable, "no agent listens here")}};
    CHECK(played.run({"doctor", "-o", "json"}) == 3);
    CHECK(Json::parse(played.out.str())["findings"][0]["check"] == "agent_socket");
    CHECK(Json::parse(played.err.str())["error"]["code"] == "unreachable");
    Played denied{{proxip::fail(ErrorCode::denied, "no")}};
    CHECK(denied.run({"doctor"}) == 4);
    Played other{{proxip::fail(ErrorCode::unreachable, "no agent listens here")}};
    CHECK(other.run({"status"}) == 3);
    CHECK(other.out.str().empty());
}
