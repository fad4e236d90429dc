// Answers to text: golden.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/human.hpp"
#include "cli/render.hpp"
#include "cli/utf8.hpp"

namespace {

namespace api = proxip::api;
namespace cli = proxip::cli;
using cli::Output;
using proxip::Millis;
using Json = nlohmann::json;

std::string table(const api::Request& request, const api::Answer& answer) {
    return "\n" + cli::render(request, answer, Output::table).out;
}
std::string wide(const api::Request& request, const api::Answer& answer) {
    return "\n" + cli::render(request, answer, Output::wide).out;
}

api::BackendView backend_view(std::string address, std::string state) {
    return {"web", std::move(address), 1, std::move(state), "up", "enabled", false, 12345, "connected in 0.3 ms"};
}

api::ConnView connection() {
    return {"web",         "tcp",     "1.1.1.11:4000", "1.1.1.80:80", "1.1.1.254:1024", "1.1.1.12:80",
            "established", "hairpin", 125.0,           0.25,          {10, 20},         {1536, 1048576}};
}

} // namespace

TEST_CASE("service show") {
    const std::vector<api::ServiceView> services{
        {"web",
         "tcp://1.1.1.80:80",
         "maglev",
         "always",
         "default",
         3,
         {backend_view("1.1.1.11:80", "up"), backend_view("1.1.1.12:80", "drain")}}};
    CHECK(table(api::ServiceShow{}, services) == R"(
NAME  ADDRESS            SCHEDULER  SNAT    POOL      UP  CONNS
web   tcp://1.1.1.80:80  maglev     always  default  1/2      3
)");
    CHECK(wide(api::ServiceShow{}, services) == R"(
NAME  ADDRESS            SCHEDULER  SNAT    POOL      UP  CONNS  BACKENDS
web   tcp://1.1.1.80:80  maglev     always  default  1/2      3  1.1.1.11:80=up 1.1.1.12:80=drain
)");
}

TEST_CASE("backend show") {
    CHECK(table(api::BackendShow{},
                std::vector{backend_view("1.1.1.11:80", "up"), backend_view("10.100.100.12:80", "down")}) ==
          R"(
SERVICE  BACKEND           WEIGHT  STATE  CONNS  LAST CHECK
web      1.1.1.11:80            1  up     12.3k  connected in 0.3 ms
web      10.100.100.12:80       1  down   12.3k  connected in 0.3 ms
)");
}

TEST_CASE("pool show") {
    const std::vector<api::PoolView> pools{
        {"default", "1024-65535", {{"1.1.1.254", 3, {{"1.1.1.11:80", "tcp", 3, 64512}}}, {"1.1.1.253", 0, {}}}}};
    CHECK(table(api::PoolShow{}, pools) == R"(
POOL     PROXY IP   PORTS       ENDPOINT           IN USE  CAPACITY
default  1.1.1.254  1024-65535  tcp://1.1.1.11:80       3     64512
default  1.1.1.253  1024-65535  -                       0         -
)");
    const std::vector<api::PoolView> changed{
        {"default",
         "2000-2001",
         {{"1.1.1.254",
           5,
           {{"1.1.1.11:80", "tcp", 2, 2, "2000-2001"}, {"1.1.1.11:80", "tcp", 3, 64512, "1024-65535", true}}}}}};
    CHECK(table(api::PoolShow{}, changed) == R"(
POOL     PROXY IP   PORTS                ENDPOINT           IN USE  CAPACITY
default  1.1.1.254  2000-2001            tcp://1.1.1.11:80       2         2
default  1.1.1.254  1024-65535 (former)  tcp://1.1.1.11:80       3     64512
)");
}

TEST_CASE("conn show") {
    auto direct = connection();
    direct.proxy.reset();
    direct.snat_reason.reset();
    CHECK(table(api::ConnShow{}, std::vector{connection(), direct}) == R"(
SERVICE  PROTO  CLIENT         VIP          PROXY           BACKEND      STATE          AGE  IDLE
web      tcp    1.1.1.11:4000  1.1.1.80:80  1.1.1.254:1024  1.1.1.12:80  established  2m05s  0.2s
web      tcp    1.1.1.11:4000  1.1.1.80:80  -               1.1.1.12:80  established  2m05s  0.2s
)");
    CHECK(wide(api::ConnShow{}, std::vector{connection()}) == R"(
SERVICE  PROTO  CLIENT         VIP          PROXY           BACKEND      STATE          AGE  IDLE  SNAT     PACKETS IN / OUT   BYTES IN / OUT
web      tcp    1.1.1.11:4000  1.1.1.80:80  1.1.1.254:1024  1.1.1.12:80  established  2m05s  0.2s  hairpin           10 / 20  1.5 KiB / 1 MiB
)");
}

TEST_CASE("whois") {
    const api::WhoisView open{.client = "1.1.1.11:4000",
                              .service = "web",
                              .backend = "1.1.1.12:80",
                              .protocol = "tcp",
                              .since = "2026-11-29T02:25:43.017Z",
                              .until = {}};
    auto closed = open;
    closed.until = "2026-11-29T02:25:44.017Z";
    closed.vip = "1.1.1.80:80";
    closed.state = "closed";
    CHECK(table(api::WhoisRequest{}, std::vector{open, closed}) == R"(
CLIENT         SERVICE  BACKEND      PROTO  SINCE                     UNTIL                     STATE
1.1.1.11:4000  web      1.1.1.12:80  tcp    2026-11-29T02:25:43.017Z  -                         open
1.1.1.11:4000  web      1.1.1.12:80  tcp    2026-11-29T02:25:43.017Z  2026-11-29T02:25:44.017Z  closed
)");
    CHECK(cli::render(api::WhoisRequest{.proxy = {}, .limit = 1}, std::vector{open}, Output::table).note ==
          "lbctl: only the newest 1: --limit 0 shows all\n");
    CHECK(cli::render(api::WhoisRequest{}, std::vector{open}, Output::table).note.empty());
}

TEST_CASE("nothing to show is the header alone, and never an error") {
    CHECK(table(api::ConnShow{}, std::vector<api::ConnView>{}) ==
          "\nSERVICE  PROTO  CLIENT  VIP  PROXY  BACKEND  STATE  AGE  IDLE\n");
    CHECK(table(api::DropsRequest{}, api::Drops{{"a", 0}}) == "\nREASON  PACKETS\n");
    CHECK(cli::render(api::ConnShow{}, std::vector<api::ConnView>{}, Output::json).out == "[]\n");
}

TEST_CASE("a list that was cut says so") {
    api::ConnShow show;
    show.limit = 1;
    CHECK(cli::render(show, std::vector{connection()}, Output::table).note ==
          "lbctl: only the first 1: --limit 0 shows all\n");
    show.limit = 2;
    CHECK(cli::render(show, std::vector{connection()}, Output::table).note.empty());
}

TEST_CASE("drops: the largest first, those at zero only when wide") {
    const api::Drops drops{{"a", 1}, {"b", 0}, {"c", 1234567}};
    CHECK(table(api::DropsRequest{}, drops) == R"(
REASON  PACKETS
c       1234567
a             1
)");
    CHECK_THAT(wide(api::DropsRequest{}, drops), Catch::Contains("b             0"));
    CHECK(Json::parse(cli::render(api::DropsRequest{}, drops, Output::json).out) ==
          Json{{"a", 1}, {"b", 0}, {"c", 1234567}});
}

TEST_CASE("status") {
    const api::Status status{"0.1.0", true, 7, false, 7325, 3, 1024, {{"eth0", 2, "native"}}, {2, 1}, {"watch out"}};
    CHECK(table(api::StatusRequest{}, status) == R"(
version      0.1.0
ready        yes
generation   7
drift        no
uptime       2h02m
connections  3 of 1024
backends     2 up, 1 down
interface    eth0 (index 2, native XDP)
warning      watch out
)");
}

TEST_CASE("explain shows what is known") {
    api::Explain explain;
    explain.verdict = "drop";
    explain.reason = "no_backend_available";
    explain.answer = "tcp-rst";
    explain.service = "web";
    CHECK(table(api::ExplainRequest{}, explain) == R"(
verdict      drop
reason       no_backend_available
answer       tcp-rst
service      web
)");
}

TEST_CASE("explain names the connection and says why") {
    api::Explain explain;
    explain.verdict = "forward";
    explain.reason = "connection";
    explain.connection = api::Explain::Connection{"reply", "1.1.1.11:4000", "1.1.1.80:80", "established"};
    explain.why = {"the packet belongs to a connection"};
    CHECK(table(api::ExplainRequest{}, explain) == R"(
verdict      forward
reason       connection
connection   1.1.1.11:4000 to 1.1.1.80:80, established: the packet is an answer of the backend
why          the packet belongs to a connection
)");
}

TEST_CASE("doctor") {
    const api::Doctor doctor{
        {{"error", "mtu", "eth1", "it is narrow", "packets stick", "ip link set dev eth1 mtu 1500"}}, {"xdp_mode"}};
    CHECK(table(api::DoctorRequest{}, doctor) == R"(
error    eth1: it is narrow (mtu)
         why  packets stick
         fix  ip link set dev eth1 mtu 1500
)");
    const auto well = cli::render(api::DoctorRequest{}, api::Doctor{{}, {"xdp_mode", "mtu"}}, Output::table);
    CHECK(well.out.empty());
    CHECK(well.note == "lbctl: 2 checks, nothing is wrong\n");
    CHECK(Json::parse(cli::render(api::DoctorRequest{}, doctor, Output::json).out) ==
          Json{{"findings",
                {{{"severity", "error"},
                  {"check", "mtu"},
                  {"subject", "eth1"},
                  {"what", "it is narrow"},
                  {"why", "packets stick"},
                  {"fix", "ip link set dev eth1 mtu 1500"}}}},
               {"ok", {"xdp_mode"}}});
}

TEST_CASE("a plan, as each command tells it") {
    api::Plan plan{7, false, {}, 1572864, 256ULL << 20, 6, {"web has no backend"}, 1572864};
    const api::ConfigText text{"", "lb.toml"};
    CHECK(table(api::ValidateRequest{text}, plan) == R"(
ok: lb.toml is valid
proxy ports: 6 endpoints, 1.5 MiB of at most 256 MiB
)");
    CHECK(cli::render(api::ValidateRequest{text}, plan, Output::table).note == "lbctl: warning: web has no backend\n");
    CHECK(table(api::DiffRequest{text}, plan) == "\nno difference: lb.toml is what runs (generation 7)\n");
    CHECK(cli::exit_code(api::DiffRequest{text}, plan) == 0);
    CHECK(table(api::ServiceDel{"web"}, plan) == "\nnothing to change: generation 7\n");

    plan.changes = {{"add", "service[new]", "", "tcp://1.1.1.81:80", false},
                    {"change", "agent.max_connections", "1024", "2048", true},
                    {"remove", "pool[old]", "1.1.1.254", "", false}};
    const std::string changes = "\n+ service[new]: tcp://1.1.1.81:80\n"
                                "~ agent.max_connections: 1024 -> 2048   (needs a restart)\n"
                                "- pool[old]: 1.1.1.254\n";
    CHECK(table(api::DiffRequest{text}, plan) == changes + "proxy ports: 6 endpoints, 1.5 MiB of at most 256 MiB\n");
    plan.port_memory_before = 0;
    plan.pools = {{"default", 64512, 1, 6, 774144}, {"small", 1, 2, 1, 4}};
    CHECK(table(api::DiffRequest{text}, plan) ==
          changes + "pool default: 64512 ports x 1 address x 6 endpoints x 2 B = 756 KiB\n"
                    "pool small: 1 port x 2 addresses x 1 endpoint x 2 B = 4 B\n"
                    "proxy ports: 6 endpoints, 0 B -> 1.5 MiB of at most 256 MiB\n");
    CHECK(cli::exit_code(api::DiffRequest{text}, plan) == 6);
    CHECK(cli::exit_code(api::ApplyRequest{text, true, {}}, plan) == 0);
    CHECK_THAT(table(api::ApplyRequest{text, true, {}}, plan), Catch::Contains("dry run: generation 7 still runs\n"));
    plan.applied = true;
    plan.generation = 8;
    CHECK(table(api::ApplyRequest{text, false, {}}, plan) == changes + "generation 8\n");
    plan.confirm_seconds = 59.7;
    CHECK(table(api::ApplyRequest{text, false, {}, Millis{60'000}}, plan) ==
          changes + "generation 8, for 60 s unless `lbctl confirm` comes\n");
    CHECK(Json::parse(cli::render(api::ServiceDel{"web"}, plan, Output::json).out)["generation"] == 8);
}

TEST_CASE("a dump is the configuration itself, in both forms") {
    CHECK(cli::render(api::DumpRequest{}, api::Dump{"[agent]\n", 1}, Output::table).out == "[agent]\n");
    CHECK(cli::render(api::DumpRequest{true}, api::Dump{"{\"agent\":{}}", 1}, Output::json).out == "{\"agent\":{}}\n");
}

TEST_CASE("errors") {
    const proxip::Error error{proxip::ErrorCode::not_found, "no such service", "service[web]"};
    CHECK(cli::render(error, Output::table) == "lbctl: service[web]: no such service\n");
    CHECK(Json::parse(cli::render(error, Output::json)) ==
          Json{{"error", {{"code", "not_found"}, {"message", "no such service"}, {"path", "service[web]"}}}});
}

TEST_CASE("numbers for people") {
    CHECK(cli::human_count(9999) == "9999");
    CHECK(cli::human_count(10000) == "10k");
    CHECK(cli::human_count(12345) == "12.3k");
    CHECK(cli::human_count(4'500'000) == "4.5M");
    CHECK(cli::human_count(~0ULL) == "18447P");
    CHECK(cli::human_bytes(0) == "0 B");
    CHECK(cli::human_bytes(1023) == "1023 B");
    CHECK(cli::human_bytes(1536) == "1.5 KiB");
    CHECK(cli::human_seconds(0.25) == "0.2s");
    CHECK(cli::human_seconds(59.9) == "59s");
    CHECK(cli::human_seconds(3600) == "1h00m");
    CHECK(cli::human_seconds(100000) == "1d3h");
}

TEST_CASE("well-formed UTF-8 (RFC 3629)") {
    using namespace std::string_view_literals;
    for (const auto good : {""sv, "plain"sv, "\xc3\xa9"sv, "\xe2\x82\xac"sv, "\xf0\x9f\x98\x80"sv, "a\0b"sv}) {
        CHECK(cli::utf8_prefix(good) == good.size());
    }
    for (const auto bad :
         {"\x80"sv, "\xc0\x80"sv, "\xc3"sv, "\xe0\x80\x80"sv, "\xed\xa0\x80"sv, "\xf4\x90\x80\x80"sv, "\xff"sv}) {
        CHECK(cli::utf8_prefix(std::string{"ok"} + std::string{bad}) == 2);
    }
}
