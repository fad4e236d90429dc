#include <catch2/catch.hpp>

#include <chrono>
#include <string>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "serve/web_server.hpp"

namespace web_test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using proxip::SocketAddress;
using proxip::serve::WebServer;

struct Scene {
    asio::io_context loop;
    std::unique_ptr<WebServer> server =
        WebServer::listen(loop, {.address = proxip::Address::parse("127.0.0.1").value(), .port = 0},
                          [](const std::string& target) {
                              return proxip::serve::WebAnswer{.status = target == "/there" ? 200U : 404U,
                                                              .type = "text/plain",
                                                              .body = "you asked for " + target};
                          })
            .value();

    // What comes back for these bytes, until the server ends the connection.
    std::string ask(const std::string& bytes) {
        tcp::socket socket(loop);
        std::string answer;
        bool done = false;
        socket.async_connect({asio::ip::address_v4::loopback(), server->port()}, [&](auto error) {
            REQUIRE(!error);
            asio::async_write(socket, asio::buffer(bytes), [&](auto, std::size_t) {
                asio::async_read(socket, asio::dynamic_buffer(answer), [&](auto, std::size_t) { done = true; });
            });
        });
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!done && std::chrono::steady_clock::now() < end) {
            loop.run_one_for(std::chrono::milliseconds(100));
        }
        CHECK(done);
        return answer;
    }
};

} // namespace

TEST_CASE("a page is served, and the connection ends", "[serve]") {
    Scene scene;
    const std::string answer = scene.ask("GET /there HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.ends_with("\r\n\r\nyou asked for /there"));
    CHECK(answer.find("Connection: close") != std::string::npos);
    CHECK(scene.ask("GET /else HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404 Not Found\r\n"));
}

TEST_CASE("HEAD has no body, and nothing else is answered as asked", "[serve]") {
    Scene scene;
    const std::string head = scene.ask("HEAD /there HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(head.ends_with("\r\n\r\n"));
    CHECK(head.find("Content-Length: 20") != std::string::npos);
    CHECK(scene.ask("DELETE /there HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 405 "));
}

TEST_CASE("junk and endless headers are hung up on", "[serve]") {
    Scene scene;
    CHECK(scene.ask("\x16\x03\x01 hello\r\n\r\n").empty());
    CHECK(scene.ask("GET / HTTP/1.1\r\nX: " + std::string(20000, 'x')).empty());
    CHECK(scene.ask("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n123456789").find(" 200 ") == std::string::npos);
    CHECK(scene.ask("GET /there HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("an address that is taken is told", "[serve]") {
    Scene scene;
    const auto second = WebServer::listen(
        scene.loop, {.address = proxip::Address::parse("127.0.0.1").value(), .port = scene.server->port()},
        [](const std::string&) { return proxip::serve::WebAnswer{}; });
    REQUIRE_FALSE(second);
    CHECK(second.error().message ==
          fmt::format("cannot listen on 127.0.0.1:{}: Address already in use", scene.server->port()));
    CHECK(second.error().path == "agent.metrics");
}

} // namespace web_test
