// Every request and answer there and back, and the contract's key names.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "api/exchange.hpp"
#include "api/messages.hpp"
#include "api/patch.hpp"
#include "api/wire.hpp"

using namespace proxip::api; // NOLINT(google-build-using-namespace)
using proxip::Address;
using proxip::AddressRange;
using proxip::ErrorCode;
using proxip::Millis;
using proxip::ServiceAddress;
using proxip::SocketAddress;
using Json = nlohmann::json;

namespace {

proxip::Service web() {
    proxip::Service service;
    service.name = "web";
    service.address = ServiceAddress::parse("tcp://1.1.1.80:80").value();
    service.scheduler = proxip::Scheduler::round_robin;
    service.idle_timeout.udp = Millis{10'000};
    service.check.type = proxip::CheckType::tcp;
    service.check.port = 8080;
    proxip::Backend backend;
    backend.address = SocketAddress::parse("1.1.1.11:80").value();
    backend.weight = 3;
    backend.backup = true;
    service.backends.push_back(backend);
    return service;
}

proxip::ProxyPool pool() {
    proxip::ProxyPool pool;
    pool.name = "second";
    pool.addresses = {AddressRange::parse("10.0.0.16/28").value(), AddressRange::parse("10.0.1.1-10.0.1.9").value()};
    pool.ports = {2000, 3000};
    pool.exclude_ports = {{2100, 2199}};
    pool.max_ports_per_client = 100;
    return pool;
}

std::vector<SocketAddress> two() {
    return {SocketAddress::parse("1.1.1.11:80").value(), SocketAddress::parse("1.1.1.12:80").value()};
}

ServicePatch patch() {
    ServicePatch patch;
    patch.scheduler = proxip::Scheduler::source_hash;
    patch.snat = proxip::Snat::automatic;
    patch.pool = "second";
    patch.on_failure = proxip::OnFailure::drop;
    patch.affinity = Millis{60'000};
    patch.on_idle = proxip::OnIdle::reset;
    patch.allow = {proxip::Prefix::parse("10.0.0.0/8").value()};
    patch.max_connections = 1000;
    patch.max_connections_per_client = 10;
    patch.check = {proxip::CheckType::tcp,
                   std::uint16_t{81},
                   Millis{500},
                   Millis{200},
                   1U,
                   2U,
                   Millis{20},
                   "/healthz",
                   "www.example.org",
                   proxip::StatusSet::parse("200,204").value(),
                   true,
                   "/ca.pem",
                   "ping",
                   "pong"};
    patch.on_down = proxip::OnDown::reset;
    patch.on_all_down = proxip::OnAllDown::keep_last;
    patch.min_up = 2;
    patch.slow_start = Millis{30'000};
    patch.idle_timeout.syn = Millis{3000};
    return patch;
}

std::vector<Request> every_request() {
    const ConnFilter filter{"web", Address::parse("1.1.1.11").value(), SocketAddress::parse("1.1.1.12").value()};
    const ExplainRequest explain{SocketAddress::parse("1.1.1.11:4000").value(),
                                 ServiceAddress::parse("tcp://1.1.1.80:80").value(), "eth0",
                                 proxip::TcpFlags::parse("syn,ack").value()};
    const ConfigText text{"[agent]\n", "lb.toml"};
    return {StatusRequest{},
            VersionRequest{},
            DropsRequest{},
            StatsRequest{},
            StatsRequest{"web"},
            ServiceShow{},
            ServiceShow{"web"},
            BackendShow{"web", two().front()},
            BackendShow{},
            BackendShow{{}, {}, Address::parse("1.1.1.11").value()},
            PoolShow{"default"},
            ConnShow{},
            ConnShow{filter, 0},
            ConnCountRequest{filter},
            ConnDel{filter},
            ConnDel{{}, true},
            WhoisRequest{.proxy = SocketAddress::parse("1.1.1.254:1024").value()},
            WhoisRequest{.proxy = SocketAddress::parse("[2001:db8::254]:1024").value(),
                         .protocol = proxip::Protocol::udp,
                         .backend = SocketAddress::parse("1.1.1.12:80").value(),
                         .at = 1'795'919'143'017,
                         .limit = 7},
            explain,
            DoctorRequest{},
            DumpRequest{true},
            TopRequest{},
            TopRequest{0},
            MonitorRequest{},
            MonitorRequest{{"backend", "admin"}, 20},
            TraceRequest{},
            TraceRequest{{proxip::Protocol::tcp, two().front(), "web", two().back(), Address::parse("1.1.1.11").value(),
                          std::uint16_t{80}, true},
                         1500,
                         7,
                         true},
            ServiceAdd{web()},
            ServiceSet{"web", patch()},
            ServiceSet{"web", {}},
            ServiceDel{"web"},
            BackendAdd{"web", web().backends},
            BackendSet{"web", two(), {7U, false, 100U}},
            BackendDel{"web", two()},
            BackendDel{"web", two(), true},
            BackendAdmin{"web", two(), proxip::Admin::drain},
            ServerAdmin{Address::parse("1.1.1.11").value(), proxip::Admin::disabled},
            PoolAdd{pool()},
            PoolSet{"second", pool().addresses, {}, proxip::PortRange{5000, 6000}, 64},
            PoolDel{"second"},
            Batch{{{ServiceAdd{web()}, "f:1"}, {BackendDel{"web", two()}, ""}}, true, 7U},
            ValidateRequest{text},
            DiffRequest{text},
            ConfirmRequest{},
            RollbackRequest{},
            ApplyRequest{text, true, 7U},
            ApplyRequest{text, false, {}, Millis{60'000}},
            ApplyRequest{text, false, {}}};
}

Top top() {
    const Top::Backend backend{"1.1.1.11:80", "up", "up", 3, 9, {10, 20}, {1000, 2000}};
    const Top::Use use{"tcp://1.1.1.11:80", 5, 64512};
    return {"2026-01-02T03:04:05.678Z",
            12.5,
            7,
            3,
            1024,
            {{"web", "tcp://1.1.1.80:80", {backend}}},
            {{"no_backend_available", 4}},
            {{"default", 5, 64512, use}, {"second", 0, 0, {}}},
            {{"1.1.1.100", 3, 5}},
            8};
}

// An answer of each kind with nothing left at its default, and the request that it answers.
std::vector<std::pair<Request, Answer>> every_answer() {
    Status status{"0.1.0",
                  true,
                  7,
                  true,
                  12.5,
                  3,
                  1024,
                  {{"eth0", 2, "native"}},
                  {2, 1},
                  {"watch out"},
                  Status::Confirm{6, 12.5}};
    const BackendView backend{"web", "1.1.1.11:80",         3,    "up", "up", "enabled", true,
                              4,     "connected in 0.3 ms", 0.25, 12.5, 0.5};
    const ServiceView service{"web", "tcp://1.1.1.80:80", "maglev", "always", "default", 4, {backend}};
    const PoolView pool{"default", "1024-65535", {{"1.1.1.254", 3, {{"1.1.1.11:80", "tcp", 3, 64512, "1024-65535"}}}}};
    const ConnView conn{"web",         "tcp",         "1.1.1.11:4000", "1.1.1.80:80", "1.1.1.254:1024",
                        "1.1.1.12:80", "established", "hairpin",       1.5,           0.5,
                        {1, 2},        {3, 4}};
    ConnView direct = conn;
    direct.proxy.reset();
    direct.snat_reason.reset();
    const StatsView stats{"web", 1, 2, {3, 4}, {5, 6}, {{"1.1.1.11:80", 1, 2, {3, 4}, {5, 6}}}};
    const Explain explain{"forward",
                          "new",
                          "tcp-rst",
                          "web",
                          "1.1.1.12:80",
                          "1.1.1.254",
                          "hairpin",
                          Explain::NextHop{"eth0", "02:00:00:00:00:01", "redirect"},
                          Explain::Connection{"reply", "1.1.1.11:4000", "1.1.1.80:80", "established"},
                          {"since"}};
    const Plan plan{8,      true, {{"change", "service[web].snat", "always", "auto", true}},
                    1024,   2048, 3,
                    {"hm"}, 512,  {{"default", 64512, 1, 3, 1024}},
                    59.5};
    std::vector<std::pair<Request, Answer>> pairs{
        {StatusRequest{}, status},
        {VersionRequest{}, Version{"0.1.0", 1}},
        {DropsRequest{}, Drops{{"no_backend_available", 0}, {"proxy_ports_exhausted", 1ULL << 60}}},
        {StatsRequest{}, std::vector{stats}},
        {ServiceShow{}, std::vector{service}},
        {BackendShow{}, std::vector{backend}},
        {PoolShow{}, std::vector{pool}},
        {ConnShow{}, std::vector{conn, direct}},
        {ConnCountRequest{}, ConnCount{3, 1}},
        {ConnDel{{}, true}, Ended{7}},
        {WhoisRequest{}, std::vector{WhoisView{.client = "1.1.1.11:4000",
                                               .service = "web",
                                               .backend = "1.1.1.12:80",
                                               .protocol = "tcp",
                                               .since = "2026-11-29T02:25:43.017Z",
                                               .until = {}},
                                     WhoisView{.client = "1.1.1.11:4001",
                                               .service = "web",
                                               .backend = "1.1.1.12:80",
                                               .protocol = "udp",
                                               .since = "2026-11-29T02:25:43.017Z",
                                               .until = "2026-11-29T02:25:44.017Z",
                                               .vip = "1.1.1.80:80",
                                               .state = "closed"}}},
        {ExplainRequest{}, explain},
        {ExplainRequest{}, Explain{}},
        {DoctorRequest{}, Doctor{{{"error", "mtu", "eth1", "what", "why", "fix"}}, {"xdp_mode"}}},
        {DumpRequest{}, Dump{"[agent]\n", 7}},
        {TopRequest{}, top()},
        {MonitorRequest{}, Following{}},
        {TraceRequest{}, Following{{"eth0", "eth1"}}}};
    for (const auto& request : every_request()) {
        if (std::holds_alternative<ServiceAdd>(request) || request.index() > Request{ServiceAdd{}}.index()) {
            pairs.emplace_back(request, plan);
        }
    }
    return pairs;
}

std::vector<std::string> keys(const Json& object) {
    std::vector<std::string> names;
    for (const auto& [key, value] : object.items()) {
        names.push_back(key);
    }
    return names;
}

Json encoded(const Answer& answer) {
    return encode(answer);
}

proxip::Error refusal(const Json& request) {
    auto decoded = decode_request(request);
    REQUIRE_FALSE(decoded.has_value());
    return decoded.error();
}

} // namespace

TEST_CASE("every request survives the wire") {
    std::vector<bool> seen(std::variant_size_v<Request>);
    for (const auto& request : every_request()) {
        const auto json = encode(request);
        CAPTURE(json.dump());
        const auto back = parse_request(request_body(request));
        REQUIRE(back.has_value());
        CHECK(back->index() == request.index());
        CHECK(encode(*back) == json);
        seen[request.index()] = true;
    }
    CHECK(std::count(seen.begin(), seen.end(), true) == static_cast<int>(seen.size()));
}

TEST_CASE("a request's values survive, not only its keys") {
    const auto added = parse_request(request_body(ServiceAdd{web()}));
    REQUIRE(added.has_value());
    CHECK(std::get<ServiceAdd>(*added).service == web());
    const auto pooled = parse_request(request_body(PoolAdd{pool()}));
    REQUIRE(pooled.has_value());
    CHECK(std::get<PoolAdd>(*pooled).pool == pool());
    const auto set = parse_request(request_body(ServiceSet{"web", patch()}));
    REQUIRE(set.has_value());
    CHECK(patched(web(), std::get<ServiceSet>(*set).patch) == patched(web(), patch()));
    const auto apply = parse_request(request_body(ApplyRequest{{"a\n\"b\"", "-"}, true, 7U}));
    REQUIRE(apply.has_value());
    CHECK(std::get<ApplyRequest>(*apply).config.text == "a\n\"b\"");
    CHECK(std::get<ApplyRequest>(*apply).if_generation == 7U);
}

TEST_CASE("every answer survives the wire") {
    for (const auto& [request, answer] : every_answer()) {
        const auto body = answer_body(answer);
        CAPTURE(body);
        const auto back = parse_answer(request, body);
        REQUIRE(back.has_value());
        CHECK(encoded(*back) == encoded(answer));
    }
}

TEST_CASE("an error answer comes back as the error") {
    const auto back =
        parse_answer(StatusRequest{}, answer_body(proxip::fail(ErrorCode::not_found, "no such service", "web")));
    REQUIRE_FALSE(back.has_value());
    CHECK(back.error().code == ErrorCode::not_found);
    CHECK(back.error().message == "no such service");
    CHECK(back.error().path == "web");
}

TEST_CASE("the contract's keys") {
    const auto answers = every_answer();
    const auto of = [&](std::size_t i) { return encoded(answers[i].second); };
    using Names = std::vector<std::string>;
    CHECK(keys(of(0)) == Names{"backends", "confirm", "connections", "drift", "generation", "interfaces",
                               "max_connections", "ready", "uptime_seconds", "version", "warnings"});
    CHECK(of(0)["confirm"] == Json{{"back_to", 6}, {"seconds_left", 12.5}});
    CHECK(of(0)["interfaces"][0] == Json{{"name", "eth0"}, {"ifindex", 2}, {"xdp_mode", "native"}});
    CHECK(of(0)["backends"] == Json{{"up", 2}, {"down", 1}});
    CHECK(of(0)["uptime_seconds"] == 12.5);
    CHECK(of(2) == Json{{"no_backend_available", 0}, {"proxy_ports_exhausted", 1ULL << 60}});
    CHECK(keys(of(4)[0]) == Names{"address", "backends", "connections", "name", "pool", "scheduler", "snat"});
    CHECK(keys(of(5)[0]) == Names{"address", "admin", "backup", "check_seconds", "connections", "health",
                                  "health_seconds", "last_check", "service", "share", "state", "weight"});
    CHECK(of(6)[0] ==
          Json::parse(R"({"name":"default","ports":"1024-65535","addresses":[{"address":"1.1.1.254","in_use":3,
        "endpoints":[{"address":"1.1.1.11:80","protocol":"tcp","in_use":3,"capacity":64512,
        "ports":"1024-65535","former":false}]}]})"));
    CHECK(of(7)[0] == Json::parse(R"({"service":"web","protocol":"tcp","client":"1.1.1.11:4000","vip":"1.1.1.80:80",
        "proxy":"1.1.1.254:1024","backend":"1.1.1.12:80","state":"established","snat_reason":"hairpin","age_seconds":1.5,
        "idle_seconds":0.5,"packets":{"in":1,"out":2},"bytes":{"in":3,"out":4}})"));
    CHECK(of(7)[1]["proxy"].is_null());
    CHECK(of(7)[1]["snat_reason"].is_null());
    CHECK(of(8) == Json{{"connections", 3}, {"closed", 1}});
    CHECK(of(9) == Json{{"ended", 7}});
    CHECK(keys(of(10)[0]) == Names{"backend", "client", "protocol", "service", "since", "state", "until", "vip"});
    CHECK(of(11)["next_hop"] == Json{{"interface", "eth0"}, {"mac", "02:00:00:00:00:01"}, {"via", "redirect"}});
    CHECK(keys(of(11)) == Names{"answer", "backend", "connection", "next_hop", "proxy", "reason", "service",
                                "snat_reason", "verdict", "why"});
    CHECK(of(12)["answer"].is_null());
    CHECK(encode(proxip::Error{ErrorCode::not_found, "m", "p"}) ==
          Json{{"code", "not_found"}, {"message", "m"}, {"path", "p"}});
}

TEST_CASE("a request is read strictly, and its error says where") {
    CHECK(refusal(Json::array()).message.find("expected an object") == 0);
    CHECK(refusal({{"request", "reboot"}}).path == "request");
    CHECK(refusal({{"request", 7}}).path == "request");
    CHECK(refusal({{"request", "status"}, {"param", 1}}).path == "param");
    CHECK(refusal({{"request", "status"}, {"params", {{"verbose", true}}}}).path == "verbose");
    CHECK(refusal({{"request", "status"}, {"params", 5}}).message == "expected an object, found number");
    CHECK(refusal({{"request", "conn.show"}, {"params", {{"limit", -1}}}}).path == "limit");
    CHECK(refusal({{"request", "conn.show"}, {"params", {{"limit", 4294967296}}}}).message ==
          "expected an integer from 0 to 4294967295, found 4294967296");
    CHECK(refusal({{"request", "conn.show"}, {"params", {{"limit", 1.5}}}}).path == "limit");
    CHECK(refusal({{"request", "conn.show"}, {"params", {{"client", "1.1.1"}}}}).path == "client");
    CHECK(refusal({{"request", "service.del"}, {"params", Json::object()}}).message == "missing");
    CHECK(refusal({{"request", "backend.del"}, {"params", {{"service", "web"}, {"addresses", {"1.1.1.1:80", "x"}}}}})
              .path == "addresses[1]");
    CHECK(refusal({{"request", "service.add"}, {"params", {{"service", {{"nmae", "web"}}}}}}).path.find("service") ==
          0);
    CHECK(refusal(
              {{"request", "service.set"}, {"params", {{"name", "web"}, {"set", {{"check", {{"interval", "soon"}}}}}}}})
              .path == "set.check.interval");
}

TEST_CASE("an answer may hold keys that are not known yet, but not the wrong types") {
    CHECK(parse_answer(ConnCountRequest{}, R"({"result":{"connections":1,"closed":0,"new":5}})").has_value());
    CHECK(parse_answer(ConnCountRequest{}, R"({"result":{"connections":"1","closed":0}})").error().path ==
          "answer.connections");
    CHECK(parse_answer(ConnCountRequest{}, R"({})").error().code == ErrorCode::failed);
    CHECK(parse_answer(ConnCountRequest{}, R"({"error":7})").error().code == ErrorCode::failed);
}

TEST_CASE("junk is an error, deep junk too") {
    CHECK(parse_request("{").error().code == ErrorCode::invalid);
    CHECK(parse_request("\xff\xfe").error().code == ErrorCode::invalid);
    CHECK(parse_request("1e999").error().code == ErrorCode::invalid);
    const std::string deep(1U << 20, '[');
    CHECK(parse_request(deep).error().message == "JSON nested deeper than 32 levels");
    CHECK(parse_request(R"({"request":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"["})").error().path == "request");
}

TEST_CASE("a patch changes what it names") {
    ServicePatch patch;
    patch.check.rise = 9;
    patch.idle_timeout.closed = Millis{1};
    auto expected = web();
    expected.check.rise = 9;
    expected.idle_timeout.closed = Millis{1};
    CHECK(patched(web(), patch) == expected);
    auto backend = web().backends.front();
    CHECK(patched(backend, {}) == backend);
    backend.weight = 0;
    CHECK(patched(web().backends.front(), {0U, {}, {}}) == backend);
}
