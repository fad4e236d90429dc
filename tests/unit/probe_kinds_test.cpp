// Each kind of check, against servers that answer as told.

#include <array>
#include <filesystem>
#include <functional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net_namespace.hpp"
#include "probe_bench.hpp"
#include "probe_certificates.hpp"

using namespace std::chrono_literals;
using namespace proxip;
using namespace proxip::probe::test;
namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using probe::Outcome;
using probe::Target;

namespace probe_kinds_test {
namespace {

// Takes one request after the other, and answers each with the same bytes.
class WebServer {
  public:
    std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    std::vector<std::string> requests;

    explicit WebServer(asio::io_context& loop, asio::ssl::context* tls = nullptr)
        : acceptor_(loop, tcp::endpoint{loopback, 0}), tls_(tls) {
        asio::co_spawn(loop, accept(), asio::detached);
    }
    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  private:
    asio::awaitable<void> accept() {
        for (;;) {
            boost::system::error_code error;
            tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
            if (error) {
                co_return;
            }
            asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)), asio::detached);
        }
    }
    asio::awaitable<void> serve(tcp::socket socket) {
        boost::system::error_code error;
        if (tls_ == nullptr) {
            co_await exchange(socket);
            co_return;
        }
        asio::ssl::stream<tcp::socket> stream(std::move(socket), *tls_);
        co_await stream.async_handshake(asio::ssl::stream_base::server,
                                        asio::redirect_error(asio::use_awaitable, error));
        if (!error) {
            co_await exchange(stream);
        }
    }
    template <typename Stream>
    asio::awaitable<void> exchange(Stream& stream) {
        boost::system::error_code error;
        std::string request;
        co_await asio::async_read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n",
                                        asio::redirect_error(asio::use_awaitable, error));
        if (error) {
            co_return;
        }
        requests.push_back(request);
        co_await asio::async_write(stream, asio::buffer(answer), asio::redirect_error(asio::use_awaitable, error));
        char byte = 0; // until the check hangs up
        co_await stream.async_read_some(asio::buffer(&byte, 1), asio::redirect_error(asio::use_awaitable, error));
    }

    tcp::acceptor acceptor_;
    asio::ssl::context* tls_;
};

Target web(std::uint16_t port, CheckType type = CheckType::http) {
    Target made = target(port, 300ms, 250ms);
    made.check.type = type;
    return made;
}

// Of this thread, while it lives: as an agent without CAP_NET_RAW.
class WithoutRawSockets {
  public:
    WithoutRawSockets() {
        REQUIRE(::syscall(SYS_capget, &header_, before_.data()) == 0);
        auto now = before_;
        now[0].effective &= ~(1U << CAP_NET_RAW);
        REQUIRE(::syscall(SYS_capset, &header_, now.data()) == 0);
    }
    WithoutRawSockets(const WithoutRawSockets&) = delete;
    WithoutRawSockets& operator=(const WithoutRawSockets&) = delete;
    ~WithoutRawSockets() { static_cast<void>(::syscall(SYS_capset, &header_, before_.data())); }

  private:
    __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> before_{};
};

} // namespace

TEST_CASE("http: an expected status is a success", "[probe]") {
    struct Row {
        const char* answer;
        const char* expected;
        bool success;
        const char* detail;
    };
    const Row row = GENERATE(
        Row{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200-399", true, R"(HTTP 200 in \d+\.\d ms)"},
        Row{"HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n", "200-399", true, R"(HTTP 302 in \d+\.\d ms)"},
        Row{"HTTP/1.1 204 No Content\r\n\r\n", "200,204", true, R"(HTTP 204 in \d+\.\d ms)"},
        Row{"HTTP/1.1 503 Service Unavailable\r\n\r\nsorry", "200-399", false, "HTTP 503, expected 200-399"},
        Row{"HTTP/1.1 200 OK\r\n\r\n", "204", false, "HTTP 200, expected 204"},
        Row{"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "200", true,
            R"(HTTP 200 in \d+\.\d ms)"},
        Row{"HTTP/1.1 101 Switching Protocols\r\n\r\n", "101", true, R"(HTTP 101 in \d+\.\d ms)"},
        Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz", "200", true, R"(HTTP 200 in \d+\.\d ms)"},
        Row{"SSH-2.0-OpenSSH_9.2\r\n", "200-399", false, "HTTP: .*"}, Row{"HTTP/1.1 200", "200-399", false, "timed.*"});
    CAPTURE(row.answer, row.expected);
    Bench bench;
    WebServer server(bench.loop);
    server.answer = row.answer;
    Target asked = web(server.port());
    asked.check.status = StatusSet::parse(row.expected).value();
    const Outcome outcome = bench.outcome_of(asked);
    CHECK(outcome.success == row.success);
    CHECK(outcome.made);
    CHECK_THAT(outcome.detail, Catch::Matches(row.detail));
}

TEST_CASE("http: what it asks", "[probe]") {
    Bench bench;
    WebServer server(bench.loop);
    Target asked = web(server.port());
    SECTION("for / at its address, unless told") {
        REQUIRE(bench.outcome_of(asked).success);
        CHECK(server.requests.front() ==
              fmt::format("GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUser-Agent: proxip\r\nAccept: */*\r\n"
                          "Connection: close\r\n\r\n",
                          server.port()));
    }
    SECTION("as the check says") {
        asked.check.path = "/healthz?deep=1";
        asked.check.host = "www.example.org";
        REQUIRE(bench.outcome_of(asked).success);
        CHECK_THAT(server.requests.front(),
                   Catch::StartsWith("GET /healthz?deep=1 HTTP/1.1\r\nHost: www.example.org\r\n"));
    }
    SECTION("an IPv6 name in brackets") {
        asked.check.host = "2001:db8::1";
        REQUIRE(bench.outcome_of(asked).success);
        CHECK_THAT(server.requests.front(), Catch::Contains("\r\nHost: [2001:db8::1]\r\n"));
    }
    SECTION("on the check's own port") {
        asked.check.port = server.port();
        asked.backend.port = closed_port(bench.loop);
        CHECK(bench.outcome_of(asked).success);
    }
}

TEST_CASE("http: a server that is not there, or closes without an answer", "[probe]") {
    Bench bench;
    CHECK(bench.outcome_of(web(closed_port(bench.loop))).detail == "connection refused");
    tcp::acceptor acceptor(bench.loop, tcp::endpoint{loopback, 0});
    acceptor.async_accept([](const boost::system::error_code&, tcp::socket) {}); // closed at once
    const Outcome outcome = bench.outcome_of(web(acceptor.local_endpoint().port()));
    CHECK_FALSE(outcome.success);
    CHECK_THAT(outcome.detail, Catch::StartsWith("HTTP: "));
}

TEST_CASE("https: certificates are looked at when asked", "[probe]") {
    const Certificates certificates;
    asio::ssl::context context = certificates.server_context();
    std::string asked_name;
    SSL_CTX_set_tlsext_servername_arg(context.native_handle(), &asked_name);
    SSL_CTX_set_tlsext_servername_callback(
        context.native_handle(), +[](SSL* ssl, int*, void* name) {
            const char* given = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
            *static_cast<std::string*>(name) = given == nullptr ? "" : given;
            return SSL_TLSEXT_ERR_OK;
        });
    Bench bench;
    WebServer server(bench.loop, &context);
    Target asked = web(server.port(), CheckType::https);
    asked.check.interval = 3s; // TLS under a sanitizer
    asked.check.timeout = 2s;

    SECTION("not unless asked") {
        const Outcome outcome = bench.outcome_of(asked);
        CHECK_THAT(outcome.detail, Catch::Matches(R"(HTTP 200 in \d+\.\d ms)"));
        CHECK(asked_name.empty()); // an address is no server_name (RFC 6066 section 3)
    }
    SECTION("a status that is not expected") {
        server.answer = "HTTP/1.1 503 no\r\n\r\n";
        CHECK(bench.outcome_of(asked).detail == "HTTP 503, expected 200-399");
    }
    SECTION("by the authority and the name") {
        asked.check.verify = true;
        asked.check.ca_file = certificates.path("ca.pem");
        asked.check.host = "www.example.org";
        CHECK(bench.outcome_of(asked).success);
        CHECK(asked_name == "www.example.org");
    }
    SECTION("by the authority and the address") {
        asked.check.verify = true;
        asked.check.ca_file = certificates.path("ca.pem");
        CHECK(bench.outcome_of(asked).success);
    }
    SECTION("another name") {
        asked.check.verify = true;
        asked.check.ca_file = certificates.path("ca.pem");
        asked.check.host = "www.example.com";
        CHECK_THAT(bench.outcome_of(asked).detail,
                   Catch::Matches("TLS: the certificate does not hold: .*[hH]ostname mismatch"));
    }
    SECTION("another authority") {
        asked.check.verify = true; // the system's
        const Outcome outcome = bench.outcome_of(asked);
        CHECK_FALSE(outcome.success);
        CHECK(outcome.made);
        CHECK_THAT(outcome.detail, Catch::StartsWith("TLS: the certificate does not hold: "));
    }
    SECTION("a file that is not there says nothing of the backend") {
        asked.check.verify = true;
        asked.check.ca_file = certificates.path("none.pem");
        const Outcome outcome = bench.outcome_of(asked);
        CHECK_FALSE(outcome.made);
        CHECK(outcome.detail == fmt::format("not checked: {}: No such file or directory", asked.check.ca_file));
    }
    SECTION("a file that changed is read again") {
        asked.check.verify = true;
        asked.check.ca_file = certificates.path("changing.pem");
        std::filesystem::copy_file(certificates.path("server.csr"), asked.check.ca_file);
        CHECK_FALSE(bench.outcome_of(asked).made);
        std::filesystem::copy_file(certificates.path("ca.pem"), asked.check.ca_file,
                                   std::filesystem::copy_options::overwrite_existing);
        asked.check.interval = 4s; // another target
        CHECK(bench.outcome_of(asked).success);
    }
}

TEST_CASE("https: a server without TLS", "[probe]") {
    Bench bench;
    tcp::acceptor acceptor(bench.loop, tcp::endpoint{loopback, 0});
    acceptor.async_accept([](const boost::system::error_code&, tcp::socket socket) {
        socket.write_some(asio::buffer(std::string_view("220 mail.example.org ESMTP\r\n")));
    });
    const Outcome outcome = bench.outcome_of(web(acceptor.local_endpoint().port(), CheckType::https));
    CHECK_FALSE(outcome.success);
    CHECK_THAT(outcome.detail, Catch::StartsWith("TLS: "));
}

TEST_CASE("udp: an answer that begins as expected, or no refusal", "[probe]") {
    Bench bench;
    udp::socket server(bench.loop, udp::endpoint{loopback, 0});
    std::array<char, 64> question{};
    udp::endpoint from;
    std::string asked_text = "nothing";
    std::string reply;
    const std::function<void()> serve = [&] {
        server.async_receive_from(asio::buffer(question), from,
                                  [&](const boost::system::error_code& error, std::size_t length) {
                                      if (error) {
                                          return;
                                      }
                                      asked_text.assign(question.data(), length);
                                      if (!reply.empty()) {
                                          server.send_to(asio::buffer(reply), from);
                                      }
                                      serve();
                                  });
    };
    serve();
    Target asked = web(server.local_endpoint().port(), CheckType::udp);

    SECTION("silence is a success where nothing is expected") {
        const auto start = Clock::now();
        const Outcome outcome = bench.outcome_of(asked);
        CHECK(outcome.success);
        CHECK(outcome.detail == "not refused in 250ms");
        CHECK(Clock::now() - start >= 250ms);
        CHECK(asked_text.empty());
    }
    SECTION("silence is none where something is") {
        asked.check.expect = "pong";
        const Outcome outcome = bench.outcome_of(asked);
        CHECK_FALSE(outcome.success);
        CHECK(outcome.detail == "timed out after 250ms");
    }
    SECTION("the answer") {
        asked.check.send = std::string("ping\0", 5);
        asked.check.expect = "pong";
        reply = "pong 1";
        CHECK_THAT(bench.outcome_of(asked).detail, Catch::Matches(R"(answered in \d+\.\d ms)"));
        CHECK(asked_text == asked.check.send);
    }
    SECTION("another answer") {
        asked.check.expect = "pong";
        reply = "pang";
        const Outcome outcome = bench.outcome_of(asked);
        CHECK_FALSE(outcome.success);
        CHECK(outcome.detail == R"(answered "pang", expected "pong")");
    }
    SECTION("any answer, where nothing is expected") {
        reply = "error";
        CHECK_THAT(bench.outcome_of(asked).detail, Catch::Matches(R"(answered in \d+\.\d ms)"));
    }
    SECTION("a refusal") {
        server.close();
        const Outcome outcome = bench.outcome_of(asked);
        CHECK_FALSE(outcome.success);
        CHECK(outcome.made);
        CHECK(outcome.detail == "connection refused");
    }
}

TEST_CASE("icmp: hosts that answer and hosts that are not there", "[probe][root]") {
    if (!net::test::may_unshare()) {
        return;
    }
    const net::test::Pair pair;
    pair.near.run("ip addr add 10.1.0.1/24 dev near && ip addr add 2001:db8::1/64 dev near nodad");
    pair.far.run("ip addr add 10.1.0.2/24 dev far && ip addr add 2001:db8::2/64 dev far nodad");
    const net::test::Inside inside(pair.near);
    Bench bench;
    const auto host = [](const char* address) {
        Target made = web(0, CheckType::icmp);
        made.backend.address = Address::parse(address).value();
        return made;
    };
    SECTION("one after the other") {
        for (const char* address : {"10.1.0.2", "2001:db8::2", "127.0.0.1", "::1"}) {
            CAPTURE(address);
            CHECK_THAT(bench.outcome_of(host(address)).detail, Catch::Matches(R"(answered in \d+\.\d ms)"));
        }
        const Outcome outcome = bench.outcome_of(host("10.1.0.9"));
        CHECK_FALSE(outcome.success);
        CHECK(outcome.made);
        CHECK(outcome.detail == "timed out after 250ms");
    }
    SECTION("by the kernel's ping socket where a raw one is not allowed") {
        pair.near.run("sysctl -qw net.ipv4.ping_group_range='0 2147483647'");
        const WithoutRawSockets without;
        CHECK(bench.outcome_of(host("10.1.0.2")).success);
        CHECK(bench.outcome_of(host("2001:db8::2")).success);
    }
    SECTION("neither: that says nothing of the host") {
        pair.near.run("sysctl -qw net.ipv4.ping_group_range='1 0'");
        const WithoutRawSockets without;
        const Outcome outcome = bench.outcome_of(host("10.1.0.2"));
        CHECK_FALSE(outcome.made);
        CHECK_THAT(outcome.detail, Catch::StartsWith("not checked: cannot open a socket for ICMP"));
    }
    SECTION("many at once: each answer is its own host's") {
        std::vector<Target> all;
        for (int i = 0; i < 200; ++i) {
            all.push_back(host(i % 2 == 0 ? "10.1.0.2" : "10.1.0.9"));
            all.back().service = std::to_string(i);
        }
        bench.checker->watch(all);
        REQUIRE(bench.until([&] { return bench.reports.size() >= 400; }));
        for (const Reported& report : bench.reports) {
            CHECK(report.outcome.success == (report.target.backend.address == Address::parse("10.1.0.2").value()));
        }
    }
    SECTION("nothing is left to wait for when nobody is watched") {
        CHECK(bench.outcome_of(host("10.1.0.2")).success);
        bench.checker->watch({});
        bench.loop.restart();
        bench.loop.run_for(5s);
        CHECK(bench.loop.stopped());
    }
}

} // namespace probe_kinds_test
