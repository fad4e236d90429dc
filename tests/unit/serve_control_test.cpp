// A real control socket and a real client, with bad company around.

#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "api/client.hpp"
#include "api/descriptor.hpp"
#include "api/framing.hpp"
#include "api/unix_address.hpp"
#include "api/wire.hpp"
#include "serve/control_server.hpp"

namespace {

using namespace std::chrono_literals;
using proxip::ErrorCode;
using proxip::Result;
using proxip::api::Answer;
using proxip::api::Descriptor;
using proxip::api::Request;
using proxip::serve::ControlServer;
using proxip::serve::Peer;
namespace api = proxip::api;
namespace fs = std::filesystem;

class Folder {
  public:
    Folder() {
        char pattern[] = "/tmp/proxip-serve-XXXXXX";
        path_ = ::mkdtemp(pattern);
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] fs::path operator/(std::string_view name) const { return path_ / name; }

  private:
    fs::path path_;
};

Result<Answer> answer(const Request& request, const Peer& peer) {
    if (std::holds_alternative<api::VersionRequest>(request)) {
        return api::Version{"1.2.3", static_cast<std::uint32_t>(peer.pid)};
    }
    if (std::holds_alternative<api::DumpRequest>(request)) {
        return api::Dump{std::string(8U << 20, 'x'), 1};
    }
    if (std::holds_alternative<api::StatusRequest>(request)) {
        throw std::runtime_error("broken inside");
    }
    return proxip::fail(ErrorCode::refused, "not today");
}

// The server on a thread of its own, as the agent's loop.
class Running {
  public:
    explicit Running(const fs::path& path, ControlServer::Limits limits = {})
        : path_(path), work_(boost::asio::make_work_guard(loop_)) {
        auto server = ControlServer::listen(loop_, path, answer, limits);
        if (!server) {
            FAIL(server.error().text());
        }
        server_ = std::move(*server);
        thread_ = std::jthread([this] { loop_.run(); });
    }
    ~Running() {
        boost::asio::post(loop_, [this] {
            server_.reset();
            work_.reset();
        });
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    [[nodiscard]] Result<Answer> ask(const Request& request, std::chrono::milliseconds timeout = 5s) const {
        return api::call(path_, request, timeout);
    }
    [[nodiscard]] bool answers() const { return ask(api::VersionRequest{}).has_value(); }

  private:
    fs::path path_;
    boost::asio::io_context loop_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::unique_ptr<ControlServer> server_;
    std::jthread thread_;
};

Descriptor connect_to(const fs::path& path) {
    const auto address = api::unix_address(path).value();
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    return socket;
}

void send_to(const Descriptor& socket, std::string_view bytes) {
    CHECK(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

std::string framed(std::string_view body) {
    const auto header = api::frame_header(body.size());
    return std::string(header.begin(), header.end()) + std::string{body};
}

// Everything until the server closes; "still open" when it does not within the time.
std::string read_to_end(const Descriptor& socket, int milliseconds = 5000) {
    std::string all;
    for (;;) {
        pollfd watched{socket.get(), POLLIN, 0};
        if (::poll(&watched, 1, milliseconds) == 0) {
            return "still open";
        }
        char buffer[4096];
        const auto got = ::recv(socket.get(), buffer, sizeof(buffer), 0);
        if (got <= 0) {
            return all;
        }
        all.append(buffer, static_cast<std::size_t>(got));
    }
}

mode_t mode_of(const fs::path& path) {
    struct stat found{};
    REQUIRE(::stat(path.c_str(), &found) == 0);
    return found.st_mode & 07777U;
}

} // namespace

TEST_CASE("a request is answered, and the handler knows who asks") {
    const Folder folder;
    const Running running(folder / "s");
    const auto got = running.ask(api::VersionRequest{});
    REQUIRE(got.has_value());
    CHECK(std::get<api::Version>(*got).version == "1.2.3");
    CHECK(std::get<api::Version>(*got).abi == static_cast<std::uint32_t>(::getpid()));
}

TEST_CASE("errors and exceptions of the handler reach the client") {
    const Folder folder;
    const Running running(folder / "s");
    CHECK(running.ask(api::ServiceDel{"web"}).error().code == ErrorCode::refused);
    CHECK(running.ask(api::StatusRequest{}).error().message == "the agent failed inside: broken inside");
    CHECK(running.answers());
}

TEST_CASE("large answers arrive whole, and one that nobody takes is dropped") {
    const Folder folder;
    ControlServer::Limits limits;
    limits.answering = 1s;
    const Running running(folder / "s", limits);
    CHECK(std::get<api::Dump>(running.ask(api::DumpRequest{}).value()).text.size() == 8U << 20);
    const auto lazy = connect_to(folder / "s");
    send_to(lazy, framed(api::request_body(api::DumpRequest{})));
    CHECK(running.answers());
    pollfd watched{lazy.get(), POLLHUP, 0}; // it does not read: the server gives up
    CHECK(::poll(&watched, 1, 5000) == 1);
}

TEST_CASE("one connection may ask many times, also before it reads") {
    const Folder folder;
    const Running running(folder / "s");
    const auto socket = connect_to(folder / "s");
    std::string frames;
    for (int i = 0; i < 50; ++i) {
        frames += framed(api::request_body(api::VersionRequest{}));
    }
    send_to(socket, frames);
    ::shutdown(socket.get(), SHUT_WR);
    const auto one = framed(api::answer_body(Answer{api::Version{"1.2.3", static_cast<std::uint32_t>(::getpid())}}));
    CHECK(read_to_end(socket).size() == 50 * one.size());
}

TEST_CASE("the socket is 0660 whatever the umask, its folders are made, and it goes with the server") {
    const Folder folder;
    const auto path = folder / "run" / "proxip" / "s";
    for (const mode_t umask : {0000U, 0022U, 0077U}) {
        const auto before = ::umask(umask);
        {
            const Running running(path);
            ::umask(before);
            CHECK(mode_of(path) == 0660);
            CHECK(mode_of(path.parent_path()) == 0755);
            CHECK(running.answers());
        }
        CHECK_FALSE(fs::exists(path));
        fs::remove_all(folder / "run");
    }
}

TEST_CASE("a stale socket is replaced, a live one is not, and a file is left alone") {
    const Folder folder;
    const auto path = folder / "s";
    {
        const auto address = api::unix_address(path).value();
        const Descriptor dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
        REQUIRE(::listen(dead.get(), 1) == 0);
    }
    CHECK(api::call(path, api::VersionRequest{}, 1s).error().code == ErrorCode::unreachable);
    const Running running(path);
    CHECK(running.answers());

    boost::asio::io_context loop;
    const auto second = ControlServer::listen(loop, path, answer, {});
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == ErrorCode::refused);
    CHECK(second.error().path == path.string());
    CHECK(running.answers());

    std::ofstream(folder / "file") << "precious";
    CHECK(ControlServer::listen(loop, folder / "file", answer, {}).error().code == ErrorCode::refused);
    CHECK(fs::file_size(folder / "file") == 8);
    CHECK(ControlServer::listen(loop, folder / std::string(200, 'x'), answer, {}).error().code == ErrorCode::invalid);
}

TEST_CASE("two hundred, or two thousand, idle clients do not make it deaf") {
    const Folder folder;
    ControlServer::Limits limits;
    limits.clients = 64;
    const Running running(folder / "s", limits);
    std::vector<Descriptor> idle;
    for (int i = 0; i < 200; ++i) {
        idle.push_back(connect_to(folder / "s"));
    }
    CHECK(running.answers());
    CHECK(read_to_end(idle.front()).empty()); // the one that was quiet for longest had to go
    CHECK(read_to_end(idle.back(), 50) == "still open");
    for (int i = 0; i < 1800; ++i) {
        idle[static_cast<std::size_t>(i) % 200] = connect_to(folder / "s");
        if (i % 300 == 0) {
            CHECK(running.answers());
        }
    }
    CHECK(running.answers());
}

TEST_CASE("no descriptors left: a quiet client gives its own up") {
    const Folder folder;
    const Running running(folder / "s");
    std::vector<Descriptor> idle;
    for (int i = 0; i < 20; ++i) {
        idle.push_back(connect_to(folder / "s"));
    }
    const auto last = connect_to(folder / "s"); // answered: so all the others have been let in
    send_to(last, framed(R"({"request":"version"})"));
    pollfd watched{last.get(), POLLIN, 0};
    REQUIRE(::poll(&watched, 1, 5000) == 1);

    // The server shares this process's table. Every place in it is taken, but for the client's end, which is made
    // before.
    const auto address = api::unix_address(folder / "s").value();
    const Descriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit tight{300, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    std::vector<Descriptor> fill;
    do {
        fill.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    } while (fill.back());
    const bool connected = ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    send_to(client, framed(R"({"request":"version"})"));
    ::shutdown(client.get(), SHUT_WR);
    const auto said = read_to_end(client);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(connected);
    CHECK(said.find("1.2.3") != std::string::npos);
    CHECK(read_to_end(idle.front()).empty());
}

TEST_CASE("junk is answered where its framing allows, and closes only its sender") {
    const Folder folder;
    const Running running(folder / "s");
    const auto good = connect_to(folder / "s");

    const auto giant = connect_to(folder / "s");
    send_to(giant, "GET / HTTP/1.1\r\n\r\n"); // a length of 1195725856
    CHECK(read_to_end(giant).find("a message of 1195725856 bytes: expected 1 to 16777216") != std::string::npos);

    const auto half = connect_to(folder / "s");
    send_to(half, std::string_view("\0\0", 2));
    ::shutdown(half.get(), SHUT_WR);
    CHECK(read_to_end(half).empty());

    const auto cut = connect_to(folder / "s");
    send_to(cut, framed("{\"request\":\"version\"}").substr(0, 12));
    ::shutdown(cut.get(), SHUT_WR);
    CHECK(read_to_end(cut).empty());

    const auto nonsense = connect_to(folder / "s");
    send_to(nonsense, framed("\xff\xfe nonsense"));
    ::shutdown(nonsense.get(), SHUT_WR);
    CHECK(read_to_end(nonsense).find("not JSON") != std::string::npos);

    const auto unknown = connect_to(folder / "s");
    send_to(unknown, framed(R"({"request":"reboot"})"));
    send_to(unknown, framed(R"({"request":"version"})")); // well framed: the talk goes on
    ::shutdown(unknown.get(), SHUT_WR);
    const auto both = read_to_end(unknown);
    CHECK(both.find("unknown request 'reboot'") != std::string::npos);
    CHECK(both.find("1.2.3") != std::string::npos);

    send_to(good, framed(R"({"request":"version"})"));
    ::shutdown(good.get(), SHUT_WR);
    CHECK(read_to_end(good).find("1.2.3") != std::string::npos);
}

TEST_CASE("a slow sender runs out of time while others are answered at once") {
    const Folder folder;
    ControlServer::Limits limits;
    limits.idle = 1s;
    const Running running(folder / "s", limits);
    const auto slow = connect_to(folder / "s");
    const auto begin = std::chrono::steady_clock::now();
    send_to(slow, framed(std::string(1U << 20, ' ')).substr(0, 100));
    CHECK(running.answers());
    CHECK(std::chrono::steady_clock::now() - begin < 900ms);
    CHECK(read_to_end(slow).empty());
    CHECK(std::chrono::steady_clock::now() - begin >= 900ms);
    CHECK(running.answers());
}

TEST_CASE("large unfinished requests have a budget, and small ones do not need it") {
    const Folder folder;
    ControlServer::Limits limits;
    limits.held_bytes = 1U << 20;
    const Running running(folder / "s", limits);
    const auto hog = connect_to(folder / "s");
    send_to(hog, framed(std::string(4U << 20, ' ')).substr(0, 1U << 20));
    const auto late = connect_to(folder / "s");
    // Sent in one go with the end missing: the hog's part is held, so this one's does not fit.
    const auto part = framed(std::string(4U << 20, ' ')).substr(0, 256U << 10);
    static_cast<void>(
        ::send(late.get(), part.data(), part.size(), MSG_NOSIGNAL)); // it may be closed before all is sent
    CHECK(read_to_end(late).find("try again") != std::string::npos);
    CHECK(running.answers());
}

TEST_CASE("the client's errors: nobody there, not allowed, too slow") {
    const Folder folder;
    CHECK(api::call(folder / "none", api::VersionRequest{}, 1s).error().code == ErrorCode::unreachable);
    CHECK(api::call(folder / std::string(200, 'x'), api::VersionRequest{}, 1s).error().code == ErrorCode::unreachable);
    const auto address = api::unix_address(folder / "mute").value();
    const Descriptor mute(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(mute.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(mute.get(), 0) == 0);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(api::call(folder / "mute", api::VersionRequest{}, 200ms).error().code == ErrorCode::timeout);
    // That one still stands in the backlog, which holds one: connect() itself finds no room now.
    CHECK(api::call(folder / "mute", api::VersionRequest{}, 200ms).error().code == ErrorCode::timeout);
    CHECK(std::chrono::steady_clock::now() - begin < 2s);
}
