// What follows a request: items there and back, a bounded backlog, and a real socket with readers who are slow or
// leave.

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "api/base64.hpp"
#include "api/client.hpp"
#include "api/stream.hpp"
#include "app/events.hpp"
#include "serve/control_server.hpp"

namespace api_stream_test {
namespace {

using namespace std::chrono_literals;
using proxip::ErrorCode;
using proxip::Result;
using proxip::serve::ControlServer;
namespace api = proxip::api;

api::Event event(const std::string& message) {
    return {.type = "backend", .state = "up", .message = message, .service = "web", .changes = {}};
}

std::string message_of(const api::Item& item) {
    return std::get<api::Event>(item).message;
}

TEST_CASE("stream: every item survives the wire") {
    api::Event whole = event("m");
    whole.time = "t";
    whole.generation = 7;
    whole.backend = "1.1.1.11:80";
    whole.interface = "eth0";
    whole.address = "1.1.1.80";
    whole.reason = "r";
    whole.by = "hand";
    whole.caller = "uid 0, pid 1";
    whole.changes = {{"change", "service[web].snat", "always", "auto", false}};
    api::Packet packet;
    packet.nanos = 1'700'000'000'123'456'789;
    packet.in = {"1.1.1.100:4000", "1.1.1.80:80"};
    packet.out = api::Packet::Tuple{"1.1.1.254:1024", "1.1.1.11:80"};
    packet.next_hop = api::Explain::NextHop{"eth0", "02:00:00:00:00:01", "redirect"};
    packet.frame = "AAEC";
    for (const api::Item& item : {api::Item{whole}, api::Item{event("small")}, api::Item{packet},
                                  api::Item{api::Lost{9}}, api::Item{proxip::Error{ErrorCode::refused, "no", "p"}}}) {
        const auto body = api::item_body(item);
        const auto back = api::parse_item(body);
        REQUIRE(back.has_value());
        CHECK(back->index() == item.index());
        CHECK(api::item_body(*back) == body);
    }
    CHECK_FALSE(api::parse_item("{}").has_value());
    CHECK_FALSE(api::parse_item("[").has_value());
    CHECK_FALSE(api::parse_item(R"({"lost":"many"})").has_value());
    CHECK(api::parse_item(R"({"event":{}})").error().code == ErrorCode::failed);
}

TEST_CASE("stream: a backlog is bounded, and tells where something is missing") {
    api::Backlog backlog(api::Backlog::Limits{.items = 2, .bytes = 1000});
    int woken = 0;
    backlog.when_ready([&] { ++woken; });
    for (const char* body : {"a", "b", "c", "d"}) {
        backlog.put(body);
    }
    CHECK(woken == 1);
    CHECK(backlog.take() == "a");
    backlog.put("e");
    CHECK(backlog.take() == "b");
    CHECK(backlog.take() == R"({"lost":2})");
    CHECK(backlog.take() == "e");
    CHECK_FALSE(backlog.take().has_value());
    backlog.put(std::string(2000, 'x'));
    CHECK(backlog.take() == R"({"lost":1})");
    backlog.lose(7);
    backlog.lose(1);
    CHECK(woken == 2); // c and d were lost while there was something to take
    CHECK(backlog.take() == R"({"lost":8})");
    backlog.put("f");
    backlog.end();
    backlog.put("after the end");
    CHECK_FALSE(backlog.ended());
    CHECK(backlog.take() == "f");
    CHECK(backlog.ended());
}

TEST_CASE("stream: events of a type, and those before") {
    proxip::app::Events events;
    events.number_by([] { return std::uint64_t{7}; });
    for (const char* type : {"backend", "admin", "backend"}) {
        events.publish(spdlog::level::off, {.type = type, .state = "", .message = type});
    }
    auto last = events.follow({.types = {"backend"}, .last = 1});
    auto all = events.follow({.types = {}, .last = 9});
    {
        const proxip::app::Events::OnBehalf asked(events, "uid 0, pid 1");
        events.publish(spdlog::level::off, event("now"));
    }
    events.publish(spdlog::level::off, {.type = "admin", .state = "", .message = "other"});
    const auto read = [](const std::shared_ptr<api::Backlog>& backlog) {
        std::vector<api::Event> out;
        while (const auto body = backlog->take()) {
            out.push_back(std::get<api::Event>(api::parse_item(*body).value()));
        }
        return out;
    };
    const auto few = read(last);
    REQUIRE(few.size() == 2);
    CHECK(few[0].message == "backend");
    CHECK(few[1].caller == "uid 0, pid 1");
    CHECK(few[1].generation == 7);
    CHECK(read(all).size() == 5);
}

TEST_CASE("stream: base64") {
    for (const auto& [bytes, text] : {std::pair<std::vector<std::uint8_t>, std::string>{{}, ""},
                                      {{'f'}, "Zg=="},
                                      {{'f', 'o'}, "Zm8="},
                                      {{'f', 'o', 'o'}, "Zm9v"},
                                      {{0, 255, 254, 16}, "AP/+EA=="}}) {
        CHECK(api::to_base64(bytes) == text);
        CHECK(api::from_base64(text).value() == bytes);
    }
    for (const char* wrong : {"Z", "Zg=", "Zg", "Z===", "====", "Zm9v!", "Zm 9"}) {
        CHECK_FALSE(api::from_base64(wrong).has_value());
    }
}

// The server on a thread of its own, and an event hub behind it.
class Running {
  public:
    Running() : work_(boost::asio::make_work_guard(loop_)) {
        char pattern[] = "/tmp/proxip-stream-XXXXXX";
        folder_ = ::mkdtemp(pattern);
        const auto answer = [](const api::Request&, const proxip::serve::Peer&) -> Result<api::Answer> {
            return api::Version{"1", 1};
        };
        const auto follow = [this](const api::Request& request,
                                   const proxip::serve::Peer&) -> Result<ControlServer::Followed> {
            if (const auto* monitor = std::get_if<api::MonitorRequest>(&request)) {
                return ControlServer::Followed{.answer = {{"eth0"}}, .backlog = events_.follow(*monitor)};
            }
            return proxip::fail(ErrorCode::refused, "not here");
        };
        server_ = ControlServer::listen(loop_, socket(), answer, {.followers = 2}, follow).value();
        thread_ = std::jthread([this] { loop_.run(); });
    }
    ~Running() {
        end();
        thread_.join();
        std::filesystem::remove_all(folder_);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    void end() {
        boost::asio::post(loop_, [this] {
            server_.reset();
            work_.reset();
        });
    }
    void publish(std::string message, int times = 1) {
        boost::asio::post(loop_, [this, message = std::move(message), times] {
            for (int i = 0; i < times; ++i) {
                events_.publish(spdlog::level::off, event(message));
            }
        });
    }
    [[nodiscard]] std::filesystem::path socket() const { return folder_ / "s"; }
    [[nodiscard]] Result<api::Subscription::Begun> follow(const api::Request& request) const {
        return api::Subscription::open(socket(), request, 5s);
    }

  private:
    std::filesystem::path folder_;
    boost::asio::io_context loop_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    proxip::app::Events events_;
    std::unique_ptr<ControlServer> server_;
    std::jthread thread_;
};

TEST_CASE("stream: events as they happen, over a socket") {
    Running agent;
    auto begun = agent.follow(api::MonitorRequest{});
    REQUIRE(begun.has_value());
    CHECK(begun->answer.interfaces == std::vector<std::string>{"eth0"});
    CHECK_FALSE(begun->stream->next(20ms, -1).value().has_value()); // nothing yet
    agent.publish("one");
    agent.publish("two");
    CHECK(message_of(begun->stream->next(5s, -1).value().value()) == "one");
    CHECK(message_of(begun->stream->next(5s, -1).value().value()) == "two");
    int pipes[2];
    REQUIRE(::pipe(pipes) == 0);
    REQUIRE(::write(pipes[1], "x", 1) == 1);
    CHECK_FALSE(begun->stream->next({}, pipes[0]).value().has_value()); // told to end
    ::close(pipes[0]);
    ::close(pipes[1]);
    agent.end();
    const auto after = begun->stream->next(5s, -1);
    REQUIRE_FALSE(after.has_value());
    CHECK(after.error().code == ErrorCode::unreachable);
}

TEST_CASE("stream: a slow reader loses events and is told how many, and nobody waits for it") {
    Running agent;
    auto slow = agent.follow(api::MonitorRequest{});
    auto quick = agent.follow(api::MonitorRequest{});
    REQUIRE((slow.has_value() && quick.has_value()));
    constexpr int many = 40'000;
    std::uint64_t quick_seen = 0;
    for (int i = 0; i < many / 1000; ++i) {
        agent.publish(std::string(100, 'x'), 1000);
        while (quick_seen < 1000U * static_cast<unsigned>(i + 1)) {
            const auto item = quick->stream->next(10s, -1);
            REQUIRE((item.has_value() && item->has_value()));
            const auto* lost = std::get_if<api::Lost>(&**item);
            REQUIRE(lost == nullptr);
            ++quick_seen;
        }
    }
    agent.publish("last");
    std::uint64_t seen = 0;
    std::uint64_t lost = 0;
    for (std::string message; message != "last";) {
        const auto item = slow->stream->next(10s, -1);
        REQUIRE((item.has_value() && item->has_value()));
        if (const auto* gap = std::get_if<api::Lost>(&**item)) {
            lost += gap->count;
            if (seen + lost > many) {
                break; // the last one itself was lost
            }
            continue;
        }
        ++seen;
        message = message_of(**item);
    }
    CHECK(lost > 0);
    CHECK(seen + lost == many + 1);
}

TEST_CASE("stream: what cannot be followed is refused at once, and so is one too many") {
    Running agent;
    CHECK(agent.follow(api::TraceRequest{}).error().message == "not here");
    std::vector<Result<api::Subscription::Begun>> open;
    open.push_back(agent.follow(api::MonitorRequest{}));
    open.push_back(agent.follow(api::MonitorRequest{}));
    REQUIRE((open[0].has_value() && open[1].has_value()));
    CHECK(agent.follow(api::MonitorRequest{}).error().code == ErrorCode::refused);
    open.pop_back(); // one that left makes room
    bool room = false;
    for (int i = 0; i < 200 && !room; ++i) {
        room = agent.follow(api::MonitorRequest{}).has_value();
        std::this_thread::sleep_for(5ms);
    }
    CHECK(room);
    CHECK(api::call(agent.socket(), api::VersionRequest{}, 5s).has_value());
}

} // namespace
} // namespace api_stream_test
