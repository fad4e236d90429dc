#include <catch2/catch.hpp>

#include <algorithm>

#include "model/codec.hpp"
#include "model/diff.hpp"

namespace {

using proxip::Change;
using proxip::Config;

Config running() {
    const auto config = proxip::parse_config(R"(
[agent]
interfaces = ["eth0"]
[[proxy_pool]]
name = "default"
addresses = ["1.1.1.254"]
[[service]]
name = "web"
address = "tcp://1.1.1.80:80"
[[service.backend]]
address = "10.0.0.1:80"
[[service.backend]]
address = "10.0.0.2:80"
[[service]]
name = "dns"
address = "udp://1.1.1.80:53"
)",
                                             "test");
    REQUIRE(config);
    return *config;
}

std::vector<Change> changes_after(const std::function<void(Config&)>& change) {
    Config desired = running();
    change(desired);
    return proxip::diff(running(), desired);
}

} // namespace

TEST_CASE("nothing differs", "[model]") {
    CHECK(proxip::diff(running(), running()).empty());
    CHECK(changes_after([](Config& c) {
              std::ranges::reverse(c.services);
              std::ranges::reverse(c.services[1].backends);
          }).empty()); // the order of objects means nothing
}

TEST_CASE("a changed value has the path that errors have", "[model]") {
    CHECK(changes_after([](Config& c) { c.services[0].backends[0].weight = 3; }) ==
          std::vector<Change>{
              {.action = "change", .path = "service[web].backend[10.0.0.1:80].weight", .from = "1", .to = "3"}});
    CHECK(changes_after([](Config& c) { c.services[0].backends[0].enabled = false; }) ==
          std::vector<Change>{{.action = "change",
                               .path = "service[web].backend[10.0.0.1:80].enabled",
                               .from = "not set",
                               .to = "false"}});
    CHECK(changes_after([](Config& c) {
              c.pools[0].addresses.push_back(*proxip::AddressRange::parse("10.0.0.16/28"));
          }) == std::vector<Change>{{.action = "change",
                                     .path = "pool[default].addresses",
                                     .from = "[1.1.1.254]",
                                     .to = "[1.1.1.254, 10.0.0.16/28]"}});
    CHECK(changes_after([](Config& c) { c.services[1].idle_timeout.udp = proxip::Millis{1500}; }) ==
          std::vector<Change>{
              {.action = "change", .path = "service[dns].idle_timeout.udp", .from = "5m", .to = "1s500ms"}});
    CHECK(changes_after([](Config& c) { c.services[1].check.port = 80; }) ==
          std::vector<Change>{{.action = "change", .path = "service[dns].check.port", .from = "not set", .to = "80"}});
    CHECK(changes_after([](Config& c) { c.agent.metrics = ""; }) ==
          std::vector<Change>{{.action = "change", .path = "agent.metrics", .from = "127.0.0.1:9631", .to = "\"\""}});
}

TEST_CASE("what needs a new data plane is marked", "[model]") {
    const auto changes = changes_after([](Config& c) {
        c.agent.max_connections = 1000;
        c.agent.max_port_memory = 1U << 30U;
        c.agent.nat_log.keep = proxip::Millis{3'600'000};
        c.agent.nat_log.buffer = 1U << 20U;
    });
    CHECK(changes ==
          std::vector<Change>{
              {.action = "change", .path = "agent.max_connections", .from = "1048576", .to = "1000", .restart = true},
              {.action = "change", .path = "agent.max_port_memory", .from = "256MiB", .to = "1GiB"},
              {.action = "change", .path = "agent.nat_log.keep", .from = "1d", .to = "1h"},
              {.action = "change", .path = "agent.nat_log.buffer", .from = "4MiB", .to = "1MiB", .restart = true}});
}

TEST_CASE("an object that comes or goes is one change", "[model]") {
    CHECK(changes_after([](Config& c) { c.services.pop_back(); }) ==
          std::vector<Change>{
              {.action = "remove", .path = "service[dns]", .from = "udp://1.1.1.80:53, 0 backends", .to = ""}});
    CHECK(changes_after([](Config& c) {
              c.services[0].backends.erase(c.services[0].backends.begin());
              c.services[0].backends.push_back(
                  {.address = *proxip::SocketAddress::parse("10.0.0.3:80"), .backup = true, .enabled = {}});
          }) ==
          std::vector<Change>{
              {.action = "remove", .path = "service[web].backend[10.0.0.1:80]", .from = "weight 1", .to = ""},
              {.action = "add", .path = "service[web].backend[10.0.0.3:80]", .from = "", .to = "weight 1, backup"}});
}

TEST_CASE("agent, pools, services: in this order", "[model]") {
    const auto changes = proxip::diff(Config{}, running());
    std::vector<std::string> paths;
    for (const Change& change : changes) {
        paths.push_back(change.path);
    }
    CHECK(paths == std::vector<std::string>{"agent.interfaces", "pool[default]", "service[web]", "service[dns]"});
}
