// Command lines to requests: what is typed, what is asked, and what is refused.

#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/parse.hpp"

namespace {

namespace api = proxip::api;
namespace cli = proxip::cli;
using proxip::ErrorCode;
using Json = nlohmann::json;

std::vector<std::string> words(const std::string& line) {
    std::istringstream stream(line);
    return {std::istream_iterator<std::string>(stream), {}};
}

proxip::Result<std::string> files(const std::string& name) {
    if (name == "good.toml" || name == "-") {
        return "[agent]\n";
    }
    if (name == "binary") {
        return std::string("ok = 1\nbad \xff\n");
    }
    return proxip::fail(ErrorCode::failed, "cannot be opened", name);
}

cli::Parsed parse(const std::string& line, const cli::Text& socket = {}) {
    return cli::parse(words(line), {socket, files});
}

Json asked(const std::string& line) {
    const auto parsed = parse(line);
    INFO(line);
    if (!parsed.action) {
        FAIL(parsed.action.error().text());
    }
    return api::encode(std::get<cli::Call>(*parsed.action).request);
}

proxip::Error refused(const std::string& line) {
    const auto parsed = parse(line);
    INFO(line);
    REQUIRE_FALSE(parsed.action.has_value());
    return parsed.action.error();
}

struct Case {
    const char* line;
    const char* request;
};

} // namespace

TEST_CASE("each command becomes its request") {
    const Case cases[] = {
        {"status", R"({"request":"status","params":{}})"},
        {"version", R"({"request":"version","params":{}})"},
        {"drops", R"({"request":"drops","params":{}})"},
        {"stats", R"({"request":"stats","params":{}})"},
        {"stats web", R"({"request":"stats","params":{"service":"web"}})"},
        {"service", R"({"request":"service.show","params":{}})"},
        {"service show web", R"({"request":"service.show","params":{"name":"web"}})"},
        {"service show status", R"({"request":"service.show","params":{"name":"status"}})"},
        {"backend show web", R"({"request":"backend.show","params":{"service":"web"}})"},
        {"backend show web 1.1.1.11:80",
         R"({"request":"backend.show","params":{"service":"web","address":"1.1.1.11:80"}})"},
        {"server", R"({"request":"backend.show","params":{}})"},
        {"server show 1.1.1.11", R"({"request":"backend.show","params":{"server":"1.1.1.11"}})"},
        {"server drain 1.1.1.11", R"({"request":"server.admin","params":{"address":"1.1.1.11","admin":"drain"}})"},
        {"service del web --if-generation 7",
         R"({"request":"batch","params":{"steps":[{"edit":{"request":"service.del","params":{"name":"web"}},"place":""}],
             "dry_run":false,"if_generation":7}})"},
        {"pool del p --dry-run",
         R"({"request":"batch","params":{"steps":[{"edit":{"request":"pool.del","params":{"name":"p"}},"place":""}],
             "dry_run":true}})"},
        {"confirm", R"({"request":"confirm","params":{}})"},
        {"rollback", R"({"request":"rollback","params":{}})"},
        {"pool show default", R"({"request":"pool.show","params":{"name":"default"}})"},
        {"conn", R"({"request":"conn.show","params":{"limit":1000}})"},
        {"conn show --service web --client 1.1.1.11 --backend 1.1.1.12:80 --limit 0",
         R"({"request":"conn.show","params":{"service":"web","client":"1.1.1.11","backend":"1.1.1.12:80","limit":0}})"},
        {"conn count --backend 1.1.1.12", R"({"request":"conn.count","params":{"backend":"1.1.1.12"}})"},
        {"whois 1.1.1.254:1024", R"({"request":"whois","params":{"proxy":"1.1.1.254:1024","limit":1000}})"},
        {"whois udp://[2001:db8::254]:1024 --backend 1.1.1.12 --at 1795919143.017 --limit 1",
         R"({"request":"whois","params":{"proxy":"[2001:db8::254]:1024","protocol":"udp","backend":"1.1.1.12",
             "at":1795919143017,"limit":1}})"},
        {"whois tcp://1.1.1.254:1024 --at 2026-11-29T02:25:43Z",
         R"({"request":"whois","params":{"proxy":"1.1.1.254:1024","protocol":"tcp","at":1795919143000,"limit":1000}})"},
        {"explain --from 1.1.1.11 --to tcp://1.1.1.80:80 --in eth0",
         R"({"request":"explain","params":{"from":"1.1.1.11","to":"tcp://1.1.1.80:80","interface":"eth0"}})"},
        {"explain --from 1.1.1.12:80 --to tcp://1.1.1.254:1024 --flags syn,ack",
         R"({"request":"explain","params":{"from":"1.1.1.12:80","to":"tcp://1.1.1.254:1024","flags":"syn,ack"}})"},
        {"explain --from 1.1.1.11:4000 --to udp://1.1.1.80:53",
         R"({"request":"explain","params":{"from":"1.1.1.11:4000","to":"udp://1.1.1.80:53"}})"},
        {"doctor", R"({"request":"doctor","params":{}})"},
        {"dump", R"({"request":"dump","params":{"json":false}})"},
        {"dump -o json", R"({"request":"dump","params":{"json":true}})"},
        {"service del web", R"({"request":"service.del","params":{"name":"web"}})"},
        {"service set web --no-check-verify",
         R"({"request":"service.set","params":{"name":"web","set":{"check":{"verify":false},"idle_timeout":{}}}})"},
        {"service set web --scheduler source-hash --check-interval 500ms --idle-udp 1m",
         R"({"request":"service.set","params":{"name":"web","set":{"scheduler":"source-hash","check":{"interval":"500ms"},
             "idle_timeout":{"udp":"1m"}}}})"},
        {"backend set web 1.1.1.11:80 1.1.1.12:80 --weight 0 --no-backup",
         R"({"request":"backend.set","params":{"service":"web","addresses":["1.1.1.11:80","1.1.1.12:80"],
             "set":{"weight":0,"backup":false}}})"},
        {"backend set web 1.1.1.11:80 --backup",
         R"({"request":"backend.set","params":{"service":"web","addresses":["1.1.1.11:80"],"set":{"backup":true}}})"},
        {"backend del web 1.1.1.11:80",
         R"({"request":"backend.del","params":{"service":"web","addresses":["1.1.1.11:80"],"now":false}})"},
        {"backend del web 1.1.1.11:80 --now",
         R"({"request":"backend.del","params":{"service":"web","addresses":["1.1.1.11:80"],"now":true}})"},
        {"conn del --client 1.1.1.11", R"({"request":"conn.del","params":{"client":"1.1.1.11","all":false}})"},
        {"conn del --all", R"({"request":"conn.del","params":{"all":true}})"},
        {"backend drain web 1.1.1.11:80",
         R"({"request":"backend.admin","params":{"service":"web","addresses":["1.1.1.11:80"],"admin":"drain"}})"},
        {"backend disable web 1.1.1.11:80 1.1.1.12:80",
         R"({"request":"backend.admin","params":{"service":"web","addresses":["1.1.1.11:80","1.1.1.12:80"],"admin":"disabled"}})"},
        {"backend enable web 1.1.1.11:80",
         R"({"request":"backend.admin","params":{"service":"web","addresses":["1.1.1.11:80"],"admin":"enabled"}})"},
        {"pool set second --add 1.1.1.250 --add 1.1.1.251 --remove 1.1.1.240-1.1.1.244 --ports 6000-6999",
         R"({"request":"pool.set","params":{"name":"second","add":["1.1.1.250","1.1.1.251"],
             "remove":["1.1.1.240-1.1.1.244"],"ports":"6000-6999"}})"},
        {"pool del second", R"({"request":"pool.del","params":{"name":"second"}})"},
        {"validate -f good.toml", R"({"request":"validate","params":{"text":"[agent]\n","source":"good.toml"}})"},
        {"diff -f -", R"({"request":"diff","params":{"text":"[agent]\n","source":"-"}})"},
        {"apply --file good.toml --dry-run --if-generation 7",
         R"({"request":"apply","params":{"text":"[agent]\n","source":"good.toml","dry_run":true,"if_generation":7}})"},
    };
    for (const auto& one : cases) {
        INFO(one.line);
        CHECK(asked(one.line) == Json::parse(one.request));
    }
}

TEST_CASE("service add takes everything that a service has") {
    const auto parsed = parse(
        "service add web tcp://1.1.1.80:80 --backend 1.1.1.11:80,weight=3,backup --backend 1.1.1.12:80 "
        "--scheduler round-robin --snat auto --pool p --on-failure drop --check tcp --check-port 8080 "
        "--check-interval 1s --check-timeout 300ms --check-rise 1 --check-fall 4 --idle-established 1h "
        "--idle-syn 5s --idle-closing 6s --idle-closed 7s --idle-udp 8s --check-jitter 10ms --check-path /healthz "
        "--check-host www.example.org --check-status 200,204 --check-verify --check-ca-file /ca.pem "
        "--check-send ping --check-expect pong --on-down reset --on-all-down keep-last --min-up 2 "
        "--slow-start 30s");
    REQUIRE(parsed.action.has_value());
    const auto service = std::get<api::ServiceAdd>(std::get<cli::Call>(*parsed.action).request).service;
    CHECK(service.name == "web");
    CHECK(service.address.text() == "tcp://1.1.1.80:80");
    REQUIRE(service.backends.size() == 2);
    CHECK(service.backends[0].weight == 3);
    CHECK(service.backends[0].backup);
    CHECK(service.backends[1].address.text() == "1.1.1.12:80");
    CHECK(service.backends[1].weight == 1);
    CHECK(service.scheduler == proxip::Scheduler::round_robin);
    CHECK(service.snat == proxip::Snat::automatic);
    CHECK(service.pool == "p");
    CHECK(service.on_failure == proxip::OnFailure::drop);
    const proxip::Check check{proxip::CheckType::tcp,
                              std::uint16_t{8080},
                              proxip::Millis{1000},
                              proxip::Millis{300},
                              1,
                              4,
                              proxip::Millis{10},
                              "/healthz",
                              "www.example.org",
                              proxip::StatusSet::parse("200,204").value(),
                              true,
                              "/ca.pem",
                              "ping",
                              "pong"};
    CHECK(service.check == check);
    CHECK(service.on_down == proxip::OnDown::reset);
    CHECK(service.on_all_down == proxip::OnAllDown::keep_last);
    CHECK(service.min_up == 2);
    CHECK(service.slow_start == proxip::Millis{30'000});
    const proxip::IdleTimeouts idle{proxip::Millis{5000}, proxip::Millis{3'600'000}, proxip::Millis{6000},
                                    proxip::Millis{7000}, proxip::Millis{8000}};
    CHECK(service.idle_timeout == idle);
}

TEST_CASE("what is not typed is the product's default") {
    const auto service =
        std::get<api::ServiceAdd>(std::get<cli::Call>(*parse("service add web tcp://1.1.1.80:80").action).request)
            .service;
    proxip::Service plain;
    plain.name = "web";
    plain.address = proxip::ServiceAddress::parse("tcp://1.1.1.80:80").value();
    CHECK(service == plain);
    const auto pool =
        std::get<api::PoolAdd>(
            std::get<cli::Call>(
                *parse("pool add p 1.1.1.0/30 1.1.1.9 --exclude-ports 2000-2999 --exclude-ports 80").action)
                .request)
            .pool;
    CHECK(pool.addresses.size() == 2);
    CHECK(pool.ports == proxip::ProxyPool{}.ports);
    CHECK(pool.exclude_ports == std::vector<proxip::PortRange>{{2000, 2999}, {80, 80}});
}

TEST_CASE("IPv6 addresses, with brackets where a port follows") {
    const std::vector<Case> cases{
        {"conn show --client 2001:db8::11 --backend [2001:db8::12]:80 --limit 0",
         R"({"request":"conn.show","params":{"client":"2001:db8::11","backend":"[2001:db8::12]:80","limit":0}})"},
        {"conn count --backend [2001:db8::12]", R"({"request":"conn.count","params":{"backend":"2001:db8::12"}})"},
        {"backend del six [2001:db8::11]:80 [2001:db8::12]",
         R"({"request":"backend.del","params":{"service":"six","addresses":["[2001:db8::11]:80","2001:db8::12"],"now":false}})"},
        {"explain --from 2001:db8::11 --to tcp://[2001:db8::80]:80",
         R"({"request":"explain","params":{"from":"2001:db8::11","to":"tcp://[2001:db8::80]:80"}})"}};
    for (const auto& one : cases) {
        CHECK(asked(one.line) == Json::parse(one.request));
    }
    const auto added = asked("service add six udp://[2001:db8::80]:53 --backend [2001:db8::11]:53,weight=3,backup");
    CHECK(added["params"]["service"]["address"] == "udp://[2001:db8::80]:53");
    CHECK(added["params"]["service"]["backend"][0]["address"] == "[2001:db8::11]:53");
    CHECK(added["params"]["service"]["backend"][0]["weight"] == 3);
    CHECK_THAT(refused("backend del six 2001:db8::11:80x").message, Catch::Contains("[2001:db8::1]:80"));
}

TEST_CASE("backend add: options for all, and each one's own") {
    const auto add = std::get<api::BackendAdd>(
        std::get<cli::Call>(*parse("backend add web 1.1.1.11:80 1.1.1.12:80,weight=2 --weight 5 --backup").action)
            .request);
    REQUIRE(add.backends.size() == 2);
    CHECK(add.backends[0].weight == 5);
    CHECK(add.backends[1].weight == 2);
    CHECK(add.backends[1].backup);
}

TEST_CASE("a noun alone shows, and ls and list mean show") {
    for (const std::string noun : {"service", "backend", "pool", "conn"}) {
        CHECK(asked(noun) == asked(noun + " show"));
        CHECK(asked(noun + " ls") == asked(noun + " show"));
        CHECK(asked(noun + " list") == asked(noun + " show"));
    }
    CHECK(asked("service ls web") == asked("service show web"));
}

TEST_CASE("globals stand before and after the command") {
    for (const std::string line :
         {"--socket /a -o json --timeout 2s service show web", "service --socket /a show -o json web --timeout 2s",
          "service show web --timeout=2s --output=json --socket=/a",
          "-ojson --socket /a service show --timeout 2s web"}) {
        const auto parsed = parse(line, "/env");
        INFO(line);
        CHECK(parsed.action.has_value());
        CHECK(parsed.globals.socket == "/a");
        CHECK(parsed.globals.output == cli::Output::json);
        CHECK(parsed.globals.timeout == proxip::Millis{2000});
    }
    CHECK(parse("-o wide status -o table").globals.output == cli::Output::table); // the last one counts
    CHECK(parse("status").globals.socket == "/run/proxip/lbagent.sock");
    CHECK(parse("status", "/env").globals.socket == "/env");
    CHECK(parse("status", "").globals.socket == "/run/proxip/lbagent.sock");
}

TEST_CASE("drain waits only when it is told to") {
    CHECK_FALSE(std::get<cli::Call>(*parse("backend drain web 1.1.1.11:80").action).wait.has_value());
    const auto call = std::get<cli::Call>(*parse("backend drain web 1.1.1.11:80 --wait 60s").action);
    REQUIRE(call.wait.has_value());
    CHECK(call.wait->which.service == "web");
    CHECK(call.wait->limit == proxip::Millis{60'000});
    CHECK(call.wait->addresses.size() == 1);
}

TEST_CASE("usage mistakes say what was expected and where to look") {
    const std::pair<const char*, const char*> cases[] = {
        {"", "expected a command: service"},
        {"nonsense", "'nonsense' is not a command of 'lbctl': expected service, backend"},
        {"service nonsense", "'nonsense' is not a command of 'lbctl service': expected show, add, set, del"},
        {"status --nonsense", "--nonsense"},
        {"status extra", "extra"},
        {"service add", "name"},
        {"service add web", "address"},
        {"service add web tcp://1.1.1.380:80", "1.1.1.380"},
        {"service add web tcp://1.1.1.80:80 --backend 1.1.1.11:80,wait=3",
         "'wait=3': expected weight=N, max-connections=N or backup"},
        {"service add web tcp://1.1.1.80:80 --backend 1.1.1.11:80,weight=x",
         "'x': expected a number from 0 to 4294967295"},
        {"service add web tcp://1.1.1.80:80 --scheduler random", "maglev"},
        {"service set web", "nothing to set"},
        {"service set web --check-interval soon", "soon"},
        {"backend add web", "address"},
        {"backend set web 1.1.1.11:80", "nothing to set"},
        {"backend set web 1.1.1.11:80 --weight -1", "'-1'"},
        {"backend drain web 1.1.1.11:80 --wait", "--wait"},
        {"pool add p", "address"},
        {"pool add p 1.1.1.9-1.1.1.1", "1.1.1.9"},
        {"pool set p", "nothing to set"},
        {"pool set p --ports 65535-1024", "65535-1024"},
        {"conn show --limit many", "'many': expected a number"},
        {"whois", "proxy"},
        {"whois 1.1.1.254", "expected a Proxy IP and a port"},
        {"whois sctp://1.1.1.254:1024", "expected tcp or udp"},
        {"whois 1.1.1.254:1024 --at yesterday", "expected a time"},
        {"whois 1.1.1.254:1024 --at -5", "expected a time"},
        {"explain --from 1.1.1.11", "--to"},
        {"explain --from 1.1.1.11 --to tcp://1.1.1.80:80-90", "expected a single port"},
        {"explain --from 1.1.1.11 --to tcp://1.1.1.80:80 --flags syn,syn", "TCP flags, each once"},
        {"explain --from 1.1.1.11 --to udp://1.1.1.80:80 --flags syn", "UDP has no flags"},
        {"apply", "--file"},
        {"apply -f good.toml --if-generation x", "'x'"},
        {"status -o yaml", "'yaml': expected table, wide or json"},
        {"status --timeout 0s", "more than nothing"},
        {"completion tcsh", "'tcsh': expected bash, zsh or fish"},
    };
    for (const auto& [line, message] : cases) {
        INFO(line);
        const auto error = refused(line);
        CHECK(error.code == ErrorCode::usage);
        CHECK_THAT(error.text(), Catch::Contains(message));
        CHECK_THAT(error.text(), Catch::Contains("--help'"));
    }
    CHECK(refused("service add web tcp://1.1.1.380:80").path == "address");
    CHECK(refused("conn show --client nobody").path == "--client");
}

TEST_CASE("a usage error is told in the form that was asked for") {
    for (const std::string line :
         {"nonsense -o json", "-ojson nonsense", "service add --output=json", "--output json status --nonsense"}) {
        INFO(line);
        CHECK(parse(line).globals.output == cli::Output::json);
        CHECK_FALSE(parse(line).action.has_value());
    }
}

TEST_CASE("a file that is missing or not text is an error with its place, not a usage mistake") {
    CHECK(refused("apply -f missing.toml").code == ErrorCode::failed);
    CHECK(refused("apply -f missing.toml").path == "missing.toml");
    const auto binary = refused("diff -f binary");
    CHECK(binary.code == ErrorCode::invalid);
    CHECK(binary.path == "binary:2:5");
    CHECK_THAT(binary.message, Catch::Contains("0xff is not UTF-8"));
}

TEST_CASE("help, version and completion need no agent") {
    for (const std::string line : {"--help", "service --help", "service add --help", "backend drain -h", "--version",
                                   "completion bash", "completion zsh", "completion fish"}) {
        INFO(line);
        const auto parsed = parse(line);
        REQUIRE(parsed.action.has_value());
        CHECK_FALSE(std::get<cli::Print>(*parsed.action).text.empty());
    }
    const auto help = [](const std::string& line) { return std::get<cli::Print>(*parse(line).action).text; };
    CHECK_THAT(help("service add --help"), Catch::Contains("--idle-established"));
    CHECK_THAT(help("completion bash"), Catch::Contains("'backend') known='show add set del enable disable drain'"));
    CHECK_THAT(help("completion fish"), Catch::Contains("-l check-interval"));
}
