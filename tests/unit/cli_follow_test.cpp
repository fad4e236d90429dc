// lbctl monitor and lbctl trace: what they take, what they print, and capture files.

#include <catch2/catch.hpp>

#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "api/base64.hpp"
#include "cli/pcap.hpp"
#include "cli/render_follow.hpp"
#include "cli/run.hpp"

namespace cli_follow_test {
namespace {

namespace api = proxip::api;
namespace cli = proxip::cli;
using proxip::ErrorCode;
using proxip::Millis;
using proxip::Result;
using Json = nlohmann::json;

struct PlayedStream final : api::Subscription {
    std::deque<Result<std::optional<api::Item>>> items;

    explicit PlayedStream(std::deque<Result<std::optional<api::Item>>> all) : items(std::move(all)) {}
    Result<std::optional<api::Item>> next(std::optional<Millis>, int) override {
        REQUIRE_FALSE(items.empty());
        auto item = items.front();
        items.pop_front();
        return item;
    }
};

struct Played {
    std::deque<Result<std::optional<api::Item>>> items;
    std::optional<api::Request> asked{};
    std::ostringstream out{};
    std::ostringstream err{};

    int run(const std::vector<std::string>& args) {
        const cli::World world{
            [](const auto&, const api::Request&, Millis) -> Result<api::Answer> { return api::Ended{}; },
            [] { return std::chrono::steady_clock::time_point{}; },
            [](Millis) {},
            {{}, [](const std::string&) -> Result<std::string> { return ""; }},
            out,
            err,
            {},
            {},
            [this](const auto&, const api::Request& request, Millis) -> Result<api::Subscription::Begun> {
                asked = request;
                return api::Subscription::Begun{.answer = {{"eth0"}}, .stream = std::make_unique<PlayedStream>(items)};
            },
            {}};
        return cli::run(args, world);
    }
    [[nodiscard]] const api::TraceRequest& trace() const { return std::get<api::TraceRequest>(asked.value()); }
};

api::Event down() {
    api::Event event{
        .type = "backend", .state = "down", .message = "service web: backend 1.1.1.11:80 is down (refused)"};
    event.time = "2026-01-02T03:04:05.678Z";
    event.caller = "uid 0, pid 7";
    return event;
}

api::Packet syn() {
    const std::vector<std::uint8_t> frame(60, 0xab);
    api::Packet packet;
    packet.time = "2026-01-02T03:04:05.678901234Z";
    packet.nanos = 1'767'323'045'678'901'234;
    packet.interface = "eth0";
    packet.protocol = "tcp";
    packet.in = {"1.1.1.100:4000", "1.1.1.80:80"};
    packet.out = api::Packet::Tuple{"1.1.1.254:1024", "1.1.1.11:80"};
    packet.length = 74;
    packet.out_length = 74;
    packet.flags = "S";
    packet.verdict = "forward";
    packet.reason = "new";
    packet.service = "web";
    packet.direction = "in";
    packet.next_hop = api::Explain::NextHop{"eth1", "02:00:00:00:00:01", "redirect"};
    packet.frame = api::to_base64(frame);
    packet.out_frame = api::to_base64(frame);
    return packet;
}

TEST_CASE("monitor: lines, until it was enough") {
    Played agent{{api::Item{down()}, api::Item{api::Lost{3}}, api::Item{down()}}};
    CHECK(agent.run({"monitor", "--count", "2", "--type", "backend,admin", "--last", "5"}) == 0);
    CHECK(agent.out.str() ==
          "2026-01-02T03:04:05.678Z backend    service web: backend 1.1.1.11:80 is down (refused)\n"
          "(3 lost here: more than could be taken)\n"
          "2026-01-02T03:04:05.678Z backend    service web: backend 1.1.1.11:80 is down (refused)\n");
    const auto& asked = std::get<api::MonitorRequest>(agent.asked.value());
    CHECK(asked.types == std::vector<std::string>{"backend", "admin"});
    CHECK(asked.last == 5);
}

TEST_CASE("monitor: JSON lines") {
    Played agent{{api::Item{down()}, api::Item{api::Lost{3}}, std::nullopt}};
    CHECK(agent.run({"monitor", "-o", "json"}) == 0);
    std::istringstream lines(agent.out.str());
    std::string line;
    std::getline(lines, line);
    CHECK(Json::parse(line)["state"] == "down");
    std::getline(lines, line);
    CHECK(Json::parse(line) == Json{{"lost", 3}});
}

TEST_CASE("monitor: how it ends") {
    Played gone{{api::Item{down()}, proxip::fail(ErrorCode::unreachable, "the agent ended")}};
    CHECK(gone.run({"monitor"}) == 3);
    CHECK_THAT(gone.err.str(), Catch::Contains("the agent ended"));
    Played vain{{std::nullopt}};
    CHECK(vain.run({"monitor", "--count", "1", "--for", "1s"}) == 8);
    Played enough{{std::nullopt}};
    CHECK(enough.run({"monitor", "--for", "1s"}) == 0);
    Played told{{api::Item{proxip::Error{ErrorCode::failed, "no more", ""}}}};
    CHECK(told.run({"monitor"}) == 1);
}

TEST_CASE("monitor: a type that there is not") {
    Played agent{};
    CHECK(agent.run({"monitor", "--type", "weather"}) == 2);
    CHECK_THAT(agent.err.str(), Catch::Contains("--type") && Catch::Contains("weather") && Catch::Contains("backend"));
}

TEST_CASE("trace: a filter") {
    Played agent{{std::nullopt}};
    CHECK(agent.run({"trace", "tcp", "--client", "1.1.1.100:4000", "--service", "web", "--backend", "[2001:db8::1]:80",
                     "--host", "1.1.1.11", "--port", "80", "--drops", "--limit", "7", "--snaplen", "1500"}) == 0);
    const auto& filter = agent.trace().filter;
    CHECK(filter.protocol == proxip::Protocol::tcp);
    CHECK(filter.client->text() == "1.1.1.100:4000");
    CHECK(filter.service == "web");
    CHECK(filter.backend->text() == "[2001:db8::1]:80");
    CHECK(filter.host->text() == "1.1.1.11");
    CHECK(filter.port == 80);
    CHECK(filter.drops);
    CHECK(agent.trace().limit == 7);
    CHECK(agent.trace().snaplen == 1500);
    CHECK_FALSE(agent.trace().frames);
    CHECK_THAT(agent.err.str(), Catch::Contains("eth0"));
}

TEST_CASE("trace: a wrong filter says where and what was expected") {
    const std::pair<std::vector<std::string>, const char*> wrong[] = {
        {{"trace", "sctp"}, "tcp or udp"},        {{"trace", "--client", "here"}, "--client"},
        {{"trace", "--port", "70000"}, "65535"},  {{"trace", "--port", "0"}, "--port"},
        {{"trace", "--host", "1.1.1"}, "--host"}, {{"trace", "--count", "x"}, "--count"}};
    for (const auto& [args, expected] : wrong) {
        Played agent{};
        CHECK(agent.run(args) == 2);
        CHECK_THAT(agent.err.str(), Catch::Contains(expected));
    }
}

TEST_CASE("trace: lines") {
    CHECK(cli::line_of(syn(), cli::Output::table) ==
          "03:04:05.678901234 eth0 tcp 1.1.1.100:4000 > 1.1.1.80:80 => 1.1.1.254:1024 > 1.1.1.11:80 [S] 74 B forward "
          "new to 02:00:00:00:00:01 on eth1 by redirect\n");
    auto dropped = syn();
    dropped.out = api::Packet::Tuple{"1.1.1.80:80", "1.1.1.100:4000"};
    dropped.verdict = "drop";
    dropped.reason = "no_backend_available";
    dropped.answer = "tcp-rst";
    dropped.next_hop.reset();
    CHECK_THAT(cli::line_of(dropped, cli::Output::table),
               Catch::EndsWith("74 B drop no_backend_available, answered with tcp-rst\n"));
    CHECK(Json::parse(cli::line_of(syn(), cli::Output::json))["out"]["source"] == "1.1.1.254:1024");
}

std::uint32_t word(const std::string& text, std::size_t at) {
    std::uint32_t value = 0;
    REQUIRE(at + sizeof value <= text.size());
    std::memcpy(&value, text.data() + at, sizeof value);
    return value;
}

TEST_CASE("trace: a capture file is whole blocks") {
    std::ostringstream out;
    cli::PcapWriter writer(out, 256);
    REQUIRE(writer.write(syn()).has_value());
    auto dropped = syn();
    dropped.out_frame.reset();
    dropped.frame = api::to_base64(std::vector<std::uint8_t>(61, 1)); // padded to 64
    REQUIRE(writer.write(dropped).has_value());
    const std::string file = out.str();
    std::vector<std::uint32_t> types;
    for (std::size_t at = 0; at < file.size(); at += word(file, at + 4)) {
        const std::uint32_t length = word(file, at + 4);
        REQUIRE(length % 4 == 0);
        REQUIRE(word(file, at + length - 4) == length);
        types.push_back(word(file, at));
        if (types.back() == 6) {
            const std::uint64_t nanos = std::uint64_t{word(file, at + 12)} << 32 | word(file, at + 16);
            CHECK(nanos == syn().nanos);
            CHECK(word(file, at + 24) == 74);
        }
    }
    CHECK(types == std::vector<std::uint32_t>{0x0a0d0d0a, 1, 6, 1, 6, 6}); // eth0, in, eth1, out, and another in
    auto broken = syn();
    broken.frame = "!";
    CHECK_FALSE(writer.write(broken).has_value());
}

TEST_CASE("trace: -w writes a file and says how much") {
    const auto path = std::filesystem::temp_directory_path() / ("proxip-trace-" + std::to_string(::getpid()));
    Played agent{{api::Item{syn()}, api::Item{api::Lost{2}}, api::Item{syn()}}};
    CHECK(agent.run({"trace", "-w", path.string(), "-n", "2"}) == 0);
    CHECK(agent.trace().frames);
    CHECK(agent.out.str().empty());
    CHECK_THAT(agent.err.str(), Catch::Contains("2 packets written, 2 lost"));
    CHECK(std::filesystem::file_size(path) > 300);
    std::filesystem::remove(path);
    Played nowhere{};
    CHECK(nowhere.run({"trace", "-w", "/no/such/folder/file"}) == 1);
    CHECK_FALSE(nowhere.asked.has_value());
}

} // namespace
} // namespace cli_follow_test
