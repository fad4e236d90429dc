#include <catch2/catch.hpp>

#include <chrono>
#include <string>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "serve/page.hpp"
#include "serve/web_host.hpp"
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
                          [](const proxip::serve::WebRequest& request) {
                              return proxip::serve::WebAnswer{.status = request.target == "/there" ? 200U : 404U,
                                                              .type = "text/plain",
                                                              .body = "you asked for " + request.target};
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

TEST_CASE("a browser may do nothing but what the page needs", "[serve]") {
    Scene scene;
    for (const char* target : {"/there", "/else"}) {
        const std::string answer = scene.ask(fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", target));
        INFO(answer);
        CHECK(answer.find("Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; ") !=
              std::string::npos);
        CHECK(answer.find("frame-ancestors 'none'") != std::string::npos);
        CHECK(answer.find("unsafe") == std::string::npos);
        CHECK(answer.find("\r\nX-Content-Type-Options: nosniff\r\n") != std::string::npos);
        CHECK(answer.find("\r\nReferrer-Policy: no-referrer\r\n") != std::string::npos);
        CHECK(answer.find("\r\nCache-Control: no-store\r\n") != std::string::npos);
        CHECK(answer.find("Access-Control-Allow-Origin") == std::string::npos);
    }
}

TEST_CASE("one Host header, no less and no more", "[serve]") {
    Scene scene;
    CHECK(scene.ask("GET /there HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    CHECK(scene.ask("GET /there HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").starts_with("HTTP/1.1 400 "));
    CHECK(scene.ask("GET /there HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200 "));
}

TEST_CASE("names that nobody else can make point here", "[serve]") {
    using proxip::serve::is_own_host;
    for (const char* host :
         {"localhost", "LocalHost:9631", "a.localhost:1", "127.0.0.1", "127.0.0.1:9631", "10.1.2.3:80", "[::1]",
          "[::1]:9631", "[2001:db8::1]:80", "lb1", "lb1:9631", "lb1.example.org:9631"}) {
        INFO(host);
        CHECK(is_own_host(host, "LB1.example.org"));
    }
    for (const char* host :
         {"", ":", ":80", "evil.example", "evil.example:9631", "localhost.evil.example", "lb1.evil.example",
          "127.0.0.1.evil.example", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:999999", "::1", "[::1", "[127.0.0.1]", "[]",
          "1.2.3", "example.org", "localhost:80@evil.example"}) {
        INFO(host);
        CHECK_FALSE(is_own_host(host, "lb1.example.org"));
    }
    CHECK_FALSE(is_own_host("", ""));
    CHECK_FALSE(is_own_host("x", ""));
}

TEST_CASE("the page names nothing but its own files", "[serve]") {
    using proxip::serve::page_answer;
    const auto page = page_answer("/");
    REQUIRE(page);
    CHECK(page->type == "text/html; charset=utf-8");
    CHECK(page->body == page_answer("/index.html")->body);
    CHECK(page_answer("/page.js")->type == "text/javascript; charset=utf-8");
    CHECK(page_answer("/page.css")->type == "text/css; charset=utf-8");
    CHECK(page_answer("/icon.svg")->type == "image/svg+xml");
    CHECK_FALSE(page_answer("/embed.cmake"));
    CHECK_FALSE(page_answer("/../page.js"));
    CHECK_FALSE(page_answer("page.js"));
    CHECK_FALSE(page_answer(""));
    for (const char* path : {"/", "/page.js", "/services.js", "/draw.js", "/page.css"}) {
        const std::string text = page_answer(path)->body;
        INFO(path);
        CHECK(text.find("https:") == std::string::npos);
        for (const char* unwanted : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                                     " onclick=", " onload=", "style=\"", "javascript:", "@import"}) {
            CHECK(text.find(unwanted) == std::string::npos);
        }
    }
}

TEST_CASE("an address that is taken is told", "[serve]") {
    Scene scene;
    const auto second = WebServer::listen(
        scene.loop, {.address = proxip::Address::parse("127.0.0.1").value(), .port = scene.server->port()},
        [](const proxip::serve::WebRequest&) { return proxip::serve::WebAnswer{}; });
    REQUIRE_FALSE(second);
    CHECK(second.error().message ==
          fmt::format("cannot listen on 127.0.0.1:{}: Address already in use", scene.server->port()));
    CHECK(second.error().path == "agent.metrics");
}

} // namespace web_test
