#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/codec.hpp"

namespace {

using proxip::Config;
using proxip::Format;
using proxip::Millis;

// The contract's own example.
constexpr std::string_view example = R"([agent]
interfaces = ["eth0", { name = "eth1", xdp_mode = "generic" }]
xdp_mode = "auto"
metrics = "127.0.0.1:9631"
max_connections = 1048576
max_port_memory = "256MiB"
inline_networks = ["10.0.0.0/24", "2001:db8::/64"]

[[proxy_pool]]
name = "default"
addresses = ["1.1.1.254", "10.0.0.16/28", "10.0.1.1-10.0.1.9"]
ports = "1024-65535"
exclude_ports = ["8080", 9000]

[[service]]
name = "web"
address = "tcp://1.1.1.80:80"
scheduler = "maglev"
snat = "always"
pool = "default"
affinity = "0s"
idle_timeout = { established = "7440s", udp = "300s" }
on_failure = "reset"
allow = ["0.0.0.0/0", "::/0"]
[service.check]
type = "tcp"
interval = "2s"
timeout = "1s"
rise = 2
fall = 3
[[service.backend]]
address = "1.1.1.11:80"
weight = 1
backup = false
enabled = true
)";

std::string error_of(std::string_view text, std::string_view source = "lb.toml") {
    const auto config = proxip::parse_config(text, source);
    return config ? "no error" : config.error().text();
}

std::string replaced(std::string_view what, std::string_view by) {
    std::string text{example};
    const std::size_t at = text.find(what);
    REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), by);
}

} // namespace

TEST_CASE("the contract's example becomes types", "[model]") {
    const auto config = proxip::parse_config(example, "lb.toml");
    REQUIRE(error_of(example) == "no error");
    CHECK(config->agent.interfaces ==
          std::vector<proxip::Interface>{{.name = "eth0", .xdp_mode = {}},
                                         {.name = "eth1", .xdp_mode = proxip::XdpMode::generic}});
    CHECK(config->agent.max_port_memory == 256ULL << 20U);
    CHECK(config->agent.inline_networks.size() == 2);
    REQUIRE(config->pools.size() == 1);
    CHECK(config->pools[0].each_address().size() == 1 + 16 + 9);
    CHECK(config->pools[0].exclude_ports == std::vector<proxip::PortRange>{{8080, 8080}, {9000, 9000}});
    REQUIRE(config->services.size() == 1);
    const proxip::Service& web = config->services[0];
    CHECK(web.address.text() == "tcp://1.1.1.80:80");
    CHECK(web.check.type == proxip::CheckType::tcp);
    CHECK(web.idle_timeout == proxip::IdleTimeouts{});
    REQUIRE(web.backends.size() == 1);
    CHECK(web.backends[0].enabled == true);
    CHECK(web.backends[0].address.text() == "1.1.1.11:80");
}

TEST_CASE("JSON has the same schema", "[model]") {
    const auto toml = proxip::parse_config(example, "lb.toml");
    REQUIRE(toml);
    const auto json = proxip::parse_config(proxip::write_config(*toml, Format::json), "lb.json");
    REQUIRE(json);
    CHECK(*json == *toml);
    CHECK(error_of("\xef\xbb\xbf  \n{}", "-") == "no error");
}

TEST_CASE("TOML is written in the order in which it is read by people", "[model]") {
    const auto config = proxip::parse_config(example, "lb.toml");
    REQUIRE(config);
    CHECK(proxip::write_config(*config, Format::toml) == R"([agent]
interfaces = ["eth0", { name = "eth1", xdp_mode = "generic" }]
xdp_mode = "auto"
metrics = "127.0.0.1:9631"
max_connections = 1048576
max_port_memory = "256MiB"
inline_networks = ["10.0.0.0/24", "2001:db8::/64"]

[[proxy_pool]]
name = "default"
addresses = ["1.1.1.254", "10.0.0.16/28", "10.0.1.1-10.0.1.9"]
ports = "1024-65535"
exclude_ports = ["8080", "9000"]

[[service]]
name = "web"
address = "tcp://1.1.1.80:80"
scheduler = "maglev"
snat = "always"
pool = "default"
on_failure = "reset"
[service.check]
type = "tcp"
[[service.backend]]
address = "1.1.1.11:80"
weight = 1
enabled = true
)");
}

TEST_CASE("the NAT log's table, inline or by itself", "[model]") {
    const auto parsed = [](const std::string& table) { return proxip::parse_config(table, "lb.toml"); };
    CHECK(parsed("[agent]\n")->agent.nat_log == proxip::NatLogConfig{});
    const auto inlined = parsed("[agent]\nnat_log = { keep = \"1h\", max_size = \"1GiB\", destinations = true }\n");
    REQUIRE(inlined);
    CHECK(inlined->agent.nat_log == proxip::NatLogConfig{.enabled = true,
                                                         .keep = Millis{3'600'000},
                                                         .max_size = 1ULL << 30U,
                                                         .buffer = 4ULL << 20U,
                                                         .destinations = true,
                                                         .json = ""});
    CHECK(parsed("[agent.nat_log]\nenabled = false\n")->agent.nat_log.enabled == false);
    CHECK(*parsed(proxip::write_config(*inlined, Format::toml)) == *inlined);
    CHECK(
        error_of("[agent.nat_log]\nkepe = \"1h\"\n") ==
        "lb.toml:2:1: agent.nat_log.kepe: unknown key, expected one of enabled, keep, max_size, buffer, destinations, "
        "json; did you mean keep?");
    CHECK(error_of("[agent.nat_log]\nkeep = \"1ms\"\n") ==
          "lb.toml:2:8: agent.nat_log.keep: found \"1ms\", expected from 1s to 3660d");
}

TEST_CASE("errors say where, what, and what was expected", "[model]") {
    struct Row {
        const char* what;
        const char* by;
        const char* error;
    };
    const Row row = GENERATE(
        Row{"weight = 1", "weight = \"heavy\"",
            "lb.toml:33:10: service[web].backend[0].weight: found \"heavy\", expected a whole number from 0 to 256"},
        Row{"weight = 1", "weight = 257",
            "lb.toml:33:10: service[web].backend[0].weight: found 257, expected a whole number from 0 to 256"},
        Row{"weight = 1", "weight = -1",
            "lb.toml:33:10: service[web].backend[0].weight: found -1, expected a whole number from 0 to 256"},
        Row{"weight = 1", "weight = 1.0",
            "lb.toml:33:10: service[web].backend[0].weight: found 1.0, expected a whole number from 0 to 256"},
        Row{"weight = 1", "wieght = 1",
            "lb.toml:33:1: service[web].backend[0].wieght: unknown key, expected one of address, weight, backup, "
            "max_connections, "
            "enabled; did "
            "you mean weight?"},
        Row{"backup = false", "backup = \"no\"",
            "lb.toml:34:10: service[web].backend[0].backup: found \"no\", expected true or false"},
        Row{"address = \"1.1.1.11:80\"\n", "",
            "lb.toml:31:1: service[web].backend[0]: has no key \"address\", which it must have"},
        Row{"\"1.1.1.11:80\"", "\"1.1.1.256:80\"",
            "lb.toml:32:11: service[web].backend[0].address: found \"1.1.1.256:80\", expected ADDRESS:PORT, such as "
            "10.0.0.1:80 or [2001:db8::1]:80"},
        Row{"type = \"tcp\"", "type = \"smtp\"",
            "lb.toml:26:8: service[web].check.type: found \"smtp\", expected none, tcp, http, https, icmp or udp"},
        Row{"type = \"tcp\"", "url = \"/\"",
            "lb.toml:26:1: service[web].check.url: unknown key, expected one of type, port, path, host, status, "
            "verify, "
            "ca_file, send, expect, interval, timeout, rise, fall, jitter"},
        Row{"type = \"tcp\"", "status = 99",
            "lb.toml:26:10: service[web].check.status: found \"99\", expected status codes from 100 to 599, such as "
            "200, "
            "200-399 or 200,204"},
        Row{"type = \"tcp\"", "status = [200, \"x\"]",
            "lb.toml:26:16: service[web].check.status[1]: found \"x\", expected status codes from 100 to 599, such as "
            "200, 200-399 or 200,204"},
        Row{"on_failure = \"reset\"", "on_all_down = \"keep\"",
            "lb.toml:23:15: service[web].on_all_down: found \"keep\", expected fail or keep-last"},
        Row{"scheduler = \"maglev\"", "scheduler = \"least\"",
            "lb.toml:18:13: service[web].scheduler: found \"least\", expected maglev, round-robin, least-connections "
            "or source-hash"},
        Row{"affinity = \"0s\"", "affinity = \"long\"",
            "lb.toml:21:12: service[web].affinity: found \"long\", expected a duration, such as 500ms, 2s, 5m or "
            "1h30m"},
        Row{"allow = [\"0.0.0.0/0\", \"::/0\"]", "allow = []",
            "lb.toml:24:9: service[web].allow: expected at least one prefix; everyone is [\"0.0.0.0/0\", \"::/0\"]"},
        Row{"\"7440s\"", "\"soon\"",
            "lb.toml:22:32: service[web].idle_timeout.established: found \"soon\", expected a duration, such as 500ms, "
            "2s, 5m "
            "or 1h30m"},
        Row{"udp = \"300s\"", "udp = 300",
            "lb.toml:22:47: service[web].idle_timeout.udp: found 300, expected a string"},
        Row{"ports = \"1024-65535\"", "ports = \"2000-1000\"",
            "lb.toml:12:9: pool[default].ports: found \"2000-1000\", expected a range FIRST-LAST whose first port is "
            "not above "
            "its last, such as 1000-2000"},
        Row{"\"10.0.0.16/28\"", "\"10.0.0.17/28\"",
            "lb.toml:11:27: pool[default].addresses[1]: found \"10.0.0.17/28\", expected 10.0.0.16/28 (host bits "
            "zero)"},
        Row{"name = \"default\"", "name = 1979-05-27",
            "lb.toml:10:8: pool[0].name: found a date or time, expected a string"},
        Row{"[agent]", "[agnt]",
            "lb.toml:1:2: agnt: unknown key, expected one of agent, proxy_pool, service; did you mean agent?"},
        Row{"\"eth0\", {", "7, {",
            "lb.toml:2:15: agent.interfaces[0]: found 7, expected the name of an interface, or { name = \"eth1\", "
            "xdp_mode = "
            "\"generic\" }"},
        Row{"xdp_mode = \"generic\"", "xdp_mode = \"offload\"",
            "lb.toml:2:51: agent.interfaces[1].xdp_mode: found \"offload\", expected auto, native or generic"},
        Row{"max_port_memory = \"256MiB\"", "max_port_memory = \"256MB\"",
            "lb.toml:6:19: agent.max_port_memory: found \"256MB\", expected a number of bytes, such as 256MiB (KiB, "
            "MiB, GiB, "
            "TiB)"},
        // What validate() finds has its place in the text too.
        Row{"tcp://1.1.1.80:80", "tcp://1.1.1.254:80",
            "lb.toml:17:11: service[web].address: found \"1.1.1.254\", expected a virtual IP that is not a Proxy IP: "
            "it is in "
            "pool[default] (1.1.1.254)"},
        Row{"pool = \"default\"", "pool = \"other\"",
            "lb.toml:20:8: service[web].pool: found \"other\", expected the name of a proxy_pool, since snat is "
            "\"always\""},
        Row{"metrics = \"127.0.0.1:9631\"", "metrics = \"localhost:9631\"",
            "lb.toml:4:11: agent.metrics: found \"localhost:9631\", expected ADDRESS:PORT, such as 127.0.0.1:9631, or "
            "\"\" for "
            "off"});
    CHECK(error_of(replaced(row.what, row.by)) == row.error);
}

TEST_CASE("a service that is no table, a table that is no array", "[model]") {
    CHECK(error_of("service = 1\n") == "lb.toml:1:11: service: found 1, expected an array");
    CHECK(error_of("[service]\nname = \"web\"\n") == "lb.toml:1:1: service: found a table, expected an array");
    CHECK(error_of("service = [1]\n") == "lb.toml:1:12: service[0]: found 1, expected a table of keys and values");
}

TEST_CASE("JSON errors name the file and the path", "[model]") {
    CHECK(error_of(
              R"({"service":[{"name":"web","address":"tcp://1.1.1.80:80","snat":"never","backend":[{"address":5}]}]})",
              "lb.json") == "lb.json: service[web].backend[0].address: found 5, expected a string");
    CHECK(error_of(R"({"agent":null})", "-") == "-: agent: found null, expected a table of keys and values");
    CHECK(error_of("{\n  \"agent\": {,}\n}", "lb.json")
              .starts_with("lb.json:2:13: syntax error while parsing object key"));
    CHECK(error_of("{", "lb.json").starts_with("lb.json:1:2: syntax error"));
    CHECK(error_of("{} junk", "lb.json").starts_with("lb.json:1:4: syntax error"));
}

TEST_CASE("a key that comes twice is refused in both formats", "[model]") {
    CHECK(error_of("[agent]\nmetrics = \"\"\nmetrics = \"\"\n").starts_with("lb.toml:3:"));
    CHECK(error_of(R"({"service":[{"name":"a","address":"tcp://1.1.1.1:1","name":"b"}]})", "x") ==
          "x: service[a].name: this key stands twice in one object, expected once");
    CHECK(error_of(R"({"agent":{},"agent":{}})", "x") ==
          "x: agent: this key stands twice in one object, expected once");
}

TEST_CASE("what is no configuration is refused, wherever it breaks", "[model]") {
    CHECK(error_of("") == "lb.toml: found nothing, expected a configuration in TOML or JSON");
    CHECK(error_of(" \n\t\n") == "lb.toml: found nothing, expected a configuration in TOML or JSON");
    CHECK(error_of(std::string_view{"\x7f"
                                    "ELF\x02\x01\x01\0\0\0",
                                    10})
              .starts_with("lb.toml:1:"));
    CHECK(error_of(std::string("\x7f"
                               "ELF\n")
                       .append(100, '.'))
              .starts_with("lb.toml:1:1: "));
    CHECK(error_of(std::string_view{"[agent]\nmetrics = \"a\0b\"\n", 23}).starts_with("lb.toml:2:"));
    CHECK(error_of("[agent]\nmetrics = \"\xff\xfe\"\n").starts_with("lb.toml:2:"));
    CHECK(error_of("{\"agent\":{\"metrics\":\"\xff\"}}", "x").starts_with("x:1:"));
    CHECK(error_of(std::string((16U << 20U) + 1, '#')) == "lb.toml: found 16777217 bytes, expected at most 16MiB");
    for (const char character : error_of("[agent]\n\xf0\x9f = 1\n")) {
        CHECK((character >= ' ' && character <= '~')); // an error is printable, whatever the input was
    }
}

TEST_CASE("every truncation is parsed or refused, never worse", "[model]") {
    const auto whole = proxip::parse_config(example, "lb.toml");
    const std::string json = proxip::write_config(*whole, Format::json);
    for (std::size_t length = 0; length < example.size(); ++length) {
        const auto cut = proxip::parse_config(example.substr(0, length), "lb.toml");
        CHECK((cut || !cut.error().message.empty()));
    }
    for (std::size_t length = 0; length + 2 < json.size(); ++length) { // its last two bytes are "}\n"
        CHECK_FALSE(proxip::parse_config(json.substr(0, length), "lb.json"));
    }
}

TEST_CASE("deep nesting is refused before anything recurses over it", "[model]") {
    const auto repeat = [](std::string_view what, int times) {
        std::string out;
        for (int i = 0; i < times; ++i) {
            out += what;
        }
        return out;
    };
    constexpr int many = 1'000'000;
    CHECK(error_of(std::string{"a = "}.append(repeat("[", many))).starts_with("lb.toml:1:"));
    CHECK(error_of(std::string{"a = "}.append(repeat("[", 40)).append(repeat("]", 40)))
              .find("nested more than 16 deep") != std::string::npos);
    CHECK(error_of(repeat("a.", many) + "a = 1\n") == "lb.toml:1:1: found a key of more than 16 parts, expected fewer");
    CHECK(error_of(std::string{"\n["}.append(repeat("\"a\" . ", many)).append("a]\n")) ==
          "lb.toml:2:1: found a key of more than 16 parts, expected fewer");
    CHECK(error_of(repeat("{\"a\":", many), "x") == "x: found values nested more than 16 deep, expected fewer");
    CHECK(error_of(std::string{"{\"a\":"}.append(repeat("[", many)), "x") ==
          "x: found values nested more than 16 deep, expected fewer");
}

TEST_CASE("dots in strings and comments are no keys", "[model]") {
    const std::string dots(100, '.');
    const auto with_dots = [&dots](fmt::format_string<const std::string&> text) {
        return error_of(fmt::format(text, dots));
    };
    CHECK(with_dots("# {0}\n[agent] # '{0}\nmetrics = \"\" # {0}\n") == "no error");
    CHECK(with_dots("[agent]\nmetrics = \"\\\"{}\"\n").find("agent.metrics") != std::string::npos);
    CHECK(with_dots("[agent]\nmetrics = '\\'\n{}").find("more than 16 parts") != std::string::npos);
    CHECK(with_dots("[agent]\nmetrics = \"\"\"\n{}\"\"\"\"\"\n").find("agent.metrics") != std::string::npos);
    CHECK(with_dots("[agent]\nmetrics = '''\n{}'''\n").find("agent.metrics") != std::string::npos);
}

TEST_CASE("files that would take the parser hours are refused at once", "[model]") {
    std::string dotted;
    std::string tables;
    for (int i = 0; i < 70'000; ++i) {
        dotted += fmt::format("a{}.b = 1\n", i);
        tables += fmt::format("[[a{}]]\n", i);
    }
    CHECK(error_of(dotted) ==
          "lb.toml:65537:1: found more than 65536 dotted keys, expected tables such as [service.check]");
    CHECK(error_of(tables) == "lb.toml:65537:1: found more than 65536 tables, expected fewer");
}

TEST_CASE("the parts have decoders of their own", "[model]") {
    using nlohmann::json;
    const auto backend = proxip::backend_from_json(json::parse(R"({"address":"10.0.0.1:80","weight":3})"));
    REQUIRE(backend);
    CHECK(backend->weight == 3);
    CHECK_FALSE(backend->enabled);
    CHECK(proxip::to_json(*backend) == json::parse(R"({"address":"10.0.0.1:80","weight":3})"));

    const auto service = proxip::service_from_json(
        json::parse(R"({"name":"a","address":"udp://1.1.1.1:53","backend":[{"address":"10.0.0.1:53","wait":1}]})"));
    REQUIRE_FALSE(service);
    CHECK(service.error().path == "backend[0].wait");

    CHECK(proxip::to_json(proxip::IdleTimeouts{}) == json::object());
    proxip::IdleTimeouts timeouts;
    timeouts.closed = Millis{1500};
    CHECK(proxip::to_json(timeouts) == json::parse(R"({"closed":"1s500ms"})"));
    CHECK(*proxip::idle_timeouts_from_json(proxip::to_json(timeouts)) == timeouts);

    const proxip::Check check{.type = proxip::CheckType::tcp, .port = 8080, .rise = 1};
    CHECK(proxip::to_json(check) == json::parse(R"({"type":"tcp","port":8080,"rise":1})"));
    CHECK(*proxip::check_from_json(proxip::to_json(check)) == check);

    const auto pool = proxip::pool_from_json(json::parse(R"({"name":"p","addresses":["1.1.1.1"],"ports":2000})"));
    REQUIRE(pool);
    CHECK(pool->ports == proxip::PortRange{2000, 2000});
    CHECK(*proxip::pool_from_json(proxip::to_json(*pool)) == *pool);
    CHECK(proxip::pool_from_json(json(3)).error().text() == "found 3, expected a table of keys and values");
}

TEST_CASE("a check's status codes, in each form", "[model]") {
    const auto of = [](const char* status) {
        const auto check = proxip::check_from_json(nlohmann::json::parse(status, nullptr, false));
        return check ? check->status.text() : check.error().text();
    };
    CHECK(of(R"({"status": 200})") == "200");
    CHECK(of(R"({"status": "200-399"})") == "200-399");
    CHECK(of(R"({"status": "401,200-204,205,203"})") == "200-205,401"); // in order, and nothing twice
    CHECK(of(R"({"status": [200, "300-399", 204]})") == "200,204,300-399");
    CHECK(of(R"({})") == "200-399");
    const char* bad = GENERATE(R"({"status": 600})", R"({"status": "200-"})", R"({"status": "399-200"})",
                               R"({"status": ""})", R"({"status": "200, 204"})", R"({"status": []})",
                               R"({"status": -200})", R"({"status": true})", R"({"status": [[200], 7]})");
    CAPTURE(bad);
    CHECK_THAT(of(bad), Catch::StartsWith("status"));
    const proxip::StatusSet standard;
    CHECK(standard.contains(200));
    CHECK(standard.contains(399));
    CHECK_FALSE(standard.contains(199));
    CHECK_FALSE(standard.contains(400));
}

TEST_CASE("everything of a check and of a service's rotation is written and read back", "[model]") {
    auto config = proxip::parse_config(example, "lb.toml").value();
    proxip::Service& web = config.services[0];
    web.check = {.type = proxip::CheckType::https,
                 .port = 8443,
                 .interval = Millis{500},
                 .timeout = Millis{400},
                 .rise = 1,
                 .fall = 2,
                 .jitter = Millis{50},
                 .path = "/healthz",
                 .host = "www.example.org",
                 .status = {{{200, 299}, {401, 401}}},
                 .verify = true,
                 .ca_file = "/etc/ssl/ca.pem",
                 .send = std::string("\0\x7f\n\"", 4),
                 .expect = "\xc3\xa9"};
    web.on_down = proxip::OnDown::reset;
    web.on_all_down = proxip::OnAllDown::keep_last;
    web.min_up = 2;
    web.slow_start = Millis{30'000};
    const std::string toml = proxip::write_config(config, Format::toml);
    CHECK_THAT(toml, Catch::Contains(R"(on_failure = "reset"
on_down = "reset"
on_all_down = "keep-last"
min_up = 2
slow_start = "30s"
[service.check]
type = "https"
port = 8443
path = "/healthz"
host = "www.example.org"
status = "200-299,401"
verify = true
ca_file = "/etc/ssl/ca.pem"
send = "\u0000\u007f\n\""
)"));
    CHECK(proxip::parse_config(toml, "t").value() == config);
    CHECK(proxip::parse_config(proxip::write_config(config, Format::json), "j").value() == config);
}
