#include <catch2/catch.hpp>

#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/page_view.hpp"
#include "app/web.hpp"

namespace app_web_test {
namespace {

using proxip::app::page_json;
using proxip::app::page_query;
using proxip::app::PageQuery;
using proxip::app::PageView;
using proxip::app::Problem;
using proxip::app::Severity;
using proxip::app::Web;
using Json = nlohmann::json;

// That nobody listens on now.
std::uint16_t free_port() {
    boost::asio::io_context loop;
    boost::asio::ip::tcp::acceptor any(loop, {boost::asio::ip::tcp::v6(), 0});
    return any.local_endpoint().port();
}

struct Scene {
    boost::asio::io_context loop;
    int looks = 0;
    Web web{loop,
            {.readings =
                 [this] {
                     ++looks;
                     return proxip::app::Readings{};
                 },
             .status =
                 [this](const PageQuery& query) {
                     ++looks;
                     return query.find;
                 },
             .own_name = "lb1"}};

    void listen(const std::string& address) {
        proxip::AgentConfig agent;
        agent.metrics = fmt::format("{}:{}", address, free_port());
        web.follow(agent);
        REQUIRE(web.trouble().empty());
    }
    unsigned ask(const std::string& target, std::optional<std::string> host = "127.0.0.1:9631") {
        return web.answer({.target = target, .host = std::move(host)}).status;
    }
};

} // namespace

TEST_CASE("web: what is served, and to whom", "[app]") {
    Scene scene;
    CHECK(scene.ask("/") == 200);
    CHECK(scene.ask("/?x") == 200);
    CHECK(scene.ask("/page.js") == 200);
    CHECK(scene.ask("/status.json") == 200);
    CHECK(scene.ask("/metrics") == 200);
    CHECK(scene.ask("/favicon.ico") == 404);
    CHECK(scene.ask("http://127.0.0.1/metrics") == 404);
    for (const char* path : {"/", "/page.js", "/status.json", "/metrics", "/favicon.ico"}) {
        INFO(path);
        CHECK(scene.ask(path, "rebound.example:9631") == 421);
        CHECK(scene.ask(path, std::nullopt) != 421); // HTTP/1.0: no browser
    }
    CHECK(scene.ask("/", "lb1:9631") == 200);
}

TEST_CASE("web: Prometheus may call by any name where more than loopback is listened on", "[app]") {
    Scene scene;
    scene.listen("127.0.0.1");
    CHECK(scene.ask("/metrics", "lb1.example.org:9631") == 421);
    scene.listen("0.0.0.0");
    CHECK(scene.ask("/metrics", "lb1.example.org:9631") == 200);
    CHECK(scene.ask("/status.json", "lb1.example.org:9631") == 421);
    CHECK(scene.ask("/", "lb1.example.org:9631") == 421);
    scene.listen("[::1]");
    CHECK(scene.ask("/metrics", "lb1.example.org:9631") == 421);
}

TEST_CASE("web: however often somebody asks, a look is taken once a second", "[app]") {
    Scene scene;
    for (int i = 0; i < 100; ++i) {
        (void)scene.ask("/metrics");
        (void)scene.ask("/status.json");
    }
    CHECK(scene.looks <= 4); // a second may end meanwhile
    scene.looks = 0;
    int refused = 0;
    for (int i = 0; i < 200; ++i) {
        refused += scene.ask(fmt::format("/status.json?find={}", i)) == 503 ? 1 : 0;
    }
    CHECK(scene.looks <= 32);
    CHECK(refused >= 168);
    CHECK(scene.ask("/metrics") == 200);
}

TEST_CASE("web: the question behind the path", "[app]") {
    CHECK(page_query("/status.json") == PageQuery{});
    CHECK(page_query("/status.json?") == PageQuery{});
    CHECK(page_query("/status.json?find=WEB&from=100") == PageQuery{.find = "web", .from = 100});
    CHECK(page_query("/status.json?from=1&find=%3Cb%3e+%22%26&&x=1").find == "<b> \"&");
    CHECK(page_query("/status.json?find=%").find == "%");
    CHECK(page_query("/status.json?find=%4&from=-1").find == "%4");
    CHECK(page_query("/status.json?find=%zz").find == "%zz");
    CHECK(page_query("/status.json?from=-1").from == 0);
    CHECK(page_query("/status.json?from=1x").from == 0);
    CHECK(page_query("/status.json?from=99999999999999999999999").from == 0);
    CHECK(page_query("/status.json?from=99999999999").from == 1'000'000);
    CHECK(page_query("/status.json?find=" + std::string(500, 'x')).find.size() == 64);
}

TEST_CASE("status.json: hostile text is text, and numbers are short", "[app]") {
    const std::string hostile = "</script><script>alert(\"1\")</script>\\\n\x01\xff";
    PageView view;
    view.host = "lb1";
    view.status.version = "1.2.3";
    view.status.interfaces = {{.name = hostile, .ifindex = 2, .xdp_mode = "native"}};
    PageView::Service service{
        .name = hostile, .address = "tcp://1.1.1.80:80", .scheduler = "maglev", .snat = "auto", .pool = "default"};
    PageView::Backend backend;
    backend.view.address = "1.1.1.11:80";
    backend.view.last_check = hostile;
    backend.view.share = 1.0 / 3;
    service.backends = {backend};
    view.services = {service};
    view.problems.add(
        {.severity = Severity::critical, .kind = "service", .subject = hostile, .text = hostile, .service = hostile});
    view.totals.rates = proxip::policy::TrafficRates{.opened = 2.0 / 3, .bits_in = 123456789.123};
    view.totals.opened.push(std::nan(""));
    view.totals.opened.push(0);
    view.totals.opened.push(1234.5678);
    const std::string text = page_json(view);
    INFO(text);
    CHECK(text.find('\n') == std::string::npos);
    const Json json = Json::parse(text);
    const std::string shown =
        "</script><script>alert(\"1\")</script>\\\n\x01\xef\xbf\xbd"; // U+FFFD for what is no UTF-8
    CHECK(json["format"] == 1);
    CHECK(json["services"]["shown"][0]["name"] == shown);
    CHECK(json["services"]["shown"][0]["backends"][0]["last_check"] == shown);
    CHECK(json["services"]["shown"][0]["backends"][0]["share"] == 0.3333);
    CHECK(json["services"]["shown"][0]["rates"].is_null());
    CHECK(json["agent"]["interfaces"][0]["name"] == shown);
    CHECK(json["problems"]["shown"][0]["severity"] == "critical");
    CHECK(json["problems"]["shown"][0]["since_seconds"].is_null());
    CHECK(json["totals"]["rates"]["opened"] == 0.6667);
    CHECK(json["totals"]["rates"]["bits_in"] == 123500000);
    CHECK(json["totals"]["opened"] == Json::array({nullptr, 0, 1235}));
}

TEST_CASE("status.json: problems are bounded, and counted", "[app]") {
    proxip::app::Problems problems;
    for (int i = 0; i < 1000; ++i) {
        problems.add({.kind = "backend", .subject = std::to_string(i), .text = "down"});
    }
    CHECK(problems.total == 1000);
    CHECK(problems.shown.size() == proxip::app::most_problems);
    CHECK(problems.shown.front().subject == "0");
}

} // namespace app_web_test
