#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "model/config.hpp"

namespace {

using proxip::Address;
using proxip::AddressRange;
using proxip::Backend;
using proxip::Config;
using proxip::Millis;
using proxip::PortRange;
using proxip::ProxyPool;
using proxip::Service;
using proxip::ServiceAddress;
using proxip::SocketAddress;

Backend backend(std::string_view address) {
    return {.address = *SocketAddress::parse(address), .enabled = {}};
}

Service service(std::string name, std::string_view address) {
    Service out;
    out.name = std::move(name);
    out.address = *ServiceAddress::parse(address);
    return out;
}

ProxyPool pool(std::string name, const std::vector<std::string_view>& addresses) {
    ProxyPool out{.name = std::move(name), .addresses = {}, .exclude_ports = {}};
    for (const auto address : addresses) {
        out.addresses.push_back(*AddressRange::parse(address));
    }
    return out;
}

Config good() {
    Config config;
    config.agent.interfaces = {{.name = "eth0", .xdp_mode = {}}};
    config.pools = {pool("default", {"1.1.1.254", "10.0.0.16/28"})};
    config.services = {service("web", "tcp://1.1.1.80:80")};
    config.services[0].backends = {backend("1.1.1.11:80"), backend("1.1.1.12:80")};
    return config;
}

std::string fault(const Config& config) {
    const auto result = proxip::validate(config);
    return result ? "none" : result.error().text();
}

// The error after one change to a good configuration.
std::string error_after(const std::function<void(Config&)>& change) {
    Config config = good();
    change(config);
    return fault(config);
}

Service& web(Config& config) {
    return config.services[0];
}

} // namespace

TEST_CASE("a good configuration passes", "[model]") {
    CHECK(fault(good()) == "none");
    CHECK(fault(Config{}) == "none");
    CHECK(proxip::warnings(good()).empty());
}

TEST_CASE("interfaces are device names, each once", "[model]") {
    const auto with = [](const std::string& name) {
        return error_after([&](Config& c) { c.agent.interfaces.push_back({.name = name, .xdp_mode = {}}); });
    };
    CHECK(with("eth0") == "agent.interfaces[1]: found \"eth0\", expected each interface once");
    CHECK(with("a23456789012345") == "none");
    const std::string bad = GENERATE("", "a234567890123456", "a/b", "a b", ".", "..", "a:1", "a\n");
    CAPTURE(bad);
    CHECK(with(bad).find("expected the name of an interface") != std::string::npos);
}

TEST_CASE("the agent's own values", "[model]") {
    CHECK(error_after([](Config& c) { c.agent.metrics = ""; }) == "none");
    CHECK(error_after([](Config& c) { c.agent.metrics = "[::1]:9631"; }) == "none");
    CHECK(error_after([](Config& c) { c.agent.metrics = "127.0.0.1"; }).starts_with("agent.metrics: found"));
    CHECK(error_after([](Config& c) { c.agent.max_connections = 63; }) ==
          "agent.max_connections: found 63, expected a whole number from 64 to 67108864");
    CHECK(error_after([](Config& c) { c.agent.inline_networks = {*proxip::Prefix::parse("2001:db8::/64")}; }) ==
          "none");
    CHECK(error_after([](Config& c) { c.agent.nat_log.keep = Millis{999}; }) ==
          "agent.nat_log.keep: found \"999ms\", expected from 1s to 3660d");
    CHECK(error_after([](Config& c) { c.agent.nat_log.max_size = 1000; }) ==
          "agent.nat_log.max_size: found \"1000\", expected from 1MiB to 1TiB");
    CHECK(error_after([](Config& c) { c.agent.nat_log.buffer = 3U << 20U; }) ==
          "agent.nat_log.buffer: found \"3MiB\", expected a power of two from 64KiB to 1GiB");
    CHECK(error_after([](Config& c) { c.agent.nat_log.json = "nat.json"; }) ==
          "agent.nat_log.json: found \"nat.json\", expected an absolute path of at most 1024 characters, or \"\" for "
          "none");
    CHECK(error_after([](Config& c) { c.agent.inline_networks.assign(2, *proxip::Prefix::parse("10.0.0.0/8")); }) ==
          "agent.inline_networks[1]: found \"10.0.0.0/8\", expected each network once");
}

TEST_CASE("names", "[model]") {
    CHECK(error_after([](Config& c) { web(c).name = std::string(64, 'a'); }) == "none");
    CHECK(error_after([](Config& c) { web(c).name = "Web_1.example-org"; }) == "none");
    const std::string bad = GENERATE(std::string{}, std::string(65, 'a'), "-web", ".web", "we b", "web/1",
                                     "w\xc3\xa9"
                                     "b");
    CAPTURE(bad);
    CHECK(error_after([&](Config& c) { web(c).name = bad; }).find(".name: found") != std::string::npos);
    CHECK(error_after([&](Config& c) { c.pools[0].name = bad; }).find(".name: found") != std::string::npos);
    CHECK(error_after([](Config& c) { c.services.push_back(service("web", "tcp://1.1.1.81:80")); }) ==
          "service[web].name: found \"web\", expected a name that no other service has");
    CHECK(error_after([](Config& c) { c.pools.push_back(pool("default", {"1.1.1.253"})); }) ==
          "pool[default].name: found \"default\", expected a name that no other pool has");
}

TEST_CASE("a VIP is not a Proxy IP", "[model]") {
    CHECK(error_after([](Config& c) { web(c).address = *ServiceAddress::parse("tcp://10.0.0.20:80"); }) ==
          "service[web].address: found \"10.0.0.20\", expected a virtual IP that is not a Proxy IP: it is in "
          "pool[default] "
          "(10.0.0.16/28)");
    CHECK(error_after([](Config& c) { web(c).address = *ServiceAddress::parse("tcp://10.0.0.32:80"); }) == "none");
    CHECK(error_after([](Config& c) { web(c).address = *ServiceAddress::parse("tcp://10.0.0.15:80"); }) == "none");
}

TEST_CASE("a backend is not a Proxy IP", "[model]") {
    CHECK(error_after([](Config& c) { web(c).backends[1] = backend("1.1.1.254:80"); }) ==
          "service[web].backend[1.1.1.254:80].address: found \"1.1.1.254\", expected a backend that is not a Proxy IP: "
          "it is "
          "in pool[default] (1.1.1.254)");
}

TEST_CASE("each Proxy IP is in one pool, once", "[model]") {
    CHECK(error_after([](Config& c) { c.pools[0].addresses.push_back(*AddressRange::parse("10.0.0.10-10.0.0.16")); }) ==
          "pool[default].addresses[2]: found \"10.0.0.10-10.0.0.16\", expected each Proxy IP once: 10.0.0.16/28 is in "
          "pool[default] already");
    CHECK(error_after([](Config& c) { c.pools.push_back(pool("other", {"9.9.9.9", "1.1.1.254"})); }) ==
          "pool[other].addresses[1]: found \"1.1.1.254\", expected each Proxy IP once: 1.1.1.254 is in pool[default] "
          "already");
    CHECK(error_after([](Config& c) { c.pools.push_back(pool("other", {"10.0.0.15", "10.0.0.32"})); }) == "none");
}

TEST_CASE("a pool has addresses that a host can have", "[model]") {
    CHECK(error_after([](Config& c) { c.pools[0].addresses.clear(); }) ==
          "pool[default].addresses: found no address, expected at least one");
    CHECK(error_after([](Config& c) {
              c.pools[0] = pool("default", {"223.255.255.250-224.0.0.1"});
          }).find("\"224.0.0.0\"") != std::string::npos);
    CHECK(error_after([](Config& c) { c.pools[0] = pool("default", {"10.0.0.0/8"}); }) ==
          "pool[default].addresses[0]: found \"10.0.0.0/8\", expected at most 256 addresses in a pool");
    CHECK(error_after([](Config& c) {
              c.pools.clear();
              for (int i = 0; i < 65; ++i) {
                  c.pools.push_back(pool(i == 0 ? "default" : fmt::format("p{}", i), {fmt::format("10.1.{}.0/24", i)}));
              }
          }) ==
          "pool[p64].addresses[0]: found \"10.1.64.0/24\", expected at most 16384 addresses in all pools together");
}

TEST_CASE("a pool's ports", "[model]") {
    const auto with = [](PortRange ports, std::vector<PortRange> excluded) {
        return error_after([&](Config& c) {
            c.pools[0].ports = ports;
            c.pools[0].exclude_ports = std::move(excluded);
        });
    };
    CHECK(with({1, 65535}, {}) == "none");
    CHECK(with({2000, 2999}, {{2000, 2998}}) == "none");
    CHECK(with({2000, 2999}, {{1000, 2500}, {2400, 4000}}) ==
          "pool[default].exclude_ports: excludes every port of 2000-2999, expected at least one to be left");
    CHECK(with({3000, 2000}, {}).starts_with("pool[default].ports: found \"3000-2000\""));
    CHECK(with({0, 0}, {}).starts_with("pool[default].ports: found \"*\""));
    CHECK(with({1, 9}, {{0, 0}}).starts_with("pool[default].exclude_ports[0]: found \"*\""));
    const std::vector<PortRange> seven{{10, 10}, {20, 20}, {30, 30}, {40, 40}, {50, 50}, {60, 60}, {70, 70}};
    CHECK(with({1, 100}, seven) == "none"); // eight pieces
    auto eight = seven;
    eight.push_back({80, 80});
    CHECK(with({1, 100}, eight) == "pool[default].exclude_ports: cuts 1-100 into 9 pieces, expected at most 8");
}

TEST_CASE("the ports that a pool hands out", "[model]") {
    const ProxyPool some{.name = "p",
                         .addresses = {},
                         .ports = {1024, 65535},
                         .exclude_ports = {{60000, 65535}, {1024, 1024}, {3000, 3009}, {3005, 3006}, {80, 80}}};
    CHECK(some.port_segments() == std::vector<PortRange>{{1025, 2999}, {3010, 59999}});
    CHECK(some.port_count() == (2999 - 1025 + 1) + (59999 - 3010 + 1));
}

TEST_CASE("a service needs its pool only when it translates sources", "[model]") {
    CHECK(error_after([](Config& c) { web(c).pool = "none"; }) ==
          "service[web].pool: found \"none\", expected the name of a proxy_pool, since snat is \"always\"");
    CHECK(error_after([](Config& c) {
              c.pools.clear();
              web(c).snat = proxip::Snat::automatic;
          }) == "service[web].pool: found \"default\", expected the name of a proxy_pool, since snat is \"auto\"");
    CHECK(error_after([](Config& c) {
              c.pools.clear();
              web(c).snat = proxip::Snat::never;
          }) == "none");
}

TEST_CASE("two services on one address", "[model]") {
    const auto with = [](std::string_view address) {
        return error_after([&](Config& c) { c.services.push_back(service("two", address)); });
    };
    CHECK(with("tcp://1.1.1.80:80") ==
          "service[two].address: found \"tcp://1.1.1.80:80\", expected an address of its own: service[web] has "
          "tcp://1.1.1.80:80");
    CHECK(with("tcp://1.1.1.80:*").starts_with("service[two].address: found"));
    CHECK(with("tcp://1.1.1.80:1-100").starts_with("service[two].address: found"));
    CHECK(with("udp://1.1.1.80:80") == "none");
    CHECK(with("tcp://1.1.1.80:81") == "none");
}

TEST_CASE("a VIP that no host can have", "[model]") {
    CHECK(error_after([](Config& c) {
              web(c).address.address = *Address::parse("127.0.0.1");
          }).starts_with("service[web].address: found \"127.0.0.1\""));
    CHECK(error_after([](Config& c) { web(c).address.ports = {90, 80}; }).starts_with("service[web].address: found"));
}

TEST_CASE("backends: once, with a port, of the right kind", "[model]") {
    const auto with = [](std::string_view address) {
        return error_after([&](Config& c) { web(c).backends.push_back(backend(address)); });
    };
    CHECK(with("1.1.1.11:80") ==
          "service[web].backend[1.1.1.11:80].address: found \"1.1.1.11:80\", expected each backend once in a service");
    CHECK(with("1.1.1.11:81") == "none");
    CHECK(with("1.1.1.13")
              .starts_with("service[web].backend[1.1.1.13].address: found \"1.1.1.13\", expected ADDRESS:PORT"));
    CHECK(with("0.0.0.0:80").starts_with("service[web].backend[0.0.0.0:80].address: found"));
    CHECK(error_after([](Config& c) {
              web(c).address.ports = {80, 81};
              web(c).backends = {backend("1.1.1.11")};
          }) == "none");
    CHECK(error_after([](Config& c) { web(c).backends[1].weight = 257; }) ==
          "service[web].backend[1.1.1.12:80].weight: found 257, expected a whole number from 0 to 256");
}

TEST_CASE("IPv6 services, backends and pools, of one family each service", "[model]") {
    const auto with = [](const std::function<void(Config&)>& change) {
        return error_after([&](Config& c) {
            c.pools[0] = pool("default", {"1.1.1.254", "2001:db8::fe00-2001:db8::fefe"});
            web(c).address = *ServiceAddress::parse("tcp://[2001:db8::80]:80");
            web(c).backends = {backend("[2001:db8:1::11]:80"), backend("[2001:db8:1::12]:80")};
            change(c);
        });
    };
    CHECK(with([](Config&) {}) == "none");
    CHECK(with([](Config& c) { c.services.push_back(service("four", "tcp://1.1.1.80:80")); }) == "none");
    CHECK(with([](Config& c) { web(c).backends.push_back(backend("1.1.1.13:80")); }) ==
          "service[web].backend[1.1.1.13:80].address: found \"1.1.1.13:80\", expected an address of the service's own "
          "family");
    CHECK(with([](Config& c) { c.pools[0] = pool("default", {"1.1.1.254"}); }) ==
          "service[web].pool: found \"default\", expected a proxy_pool with an address of the service's family");
    CHECK(with([](Config& c) { web(c).address = *ServiceAddress::parse("tcp://[2001:db8::fe10]:80"); }) ==
          "service[web].address: found \"2001:db8::fe10\", expected a virtual IP that is not a Proxy IP: it is in "
          "pool[default] (2001:db8::fe00-2001:db8::fefe)");
}

TEST_CASE("link-local addresses are refused everywhere", "[model]") {
    const std::string wanted = "expected an address that a host can have";
    const auto is_refused = [&](const std::function<void(Config&)>& change) {
        return error_after(change).find(wanted) != std::string::npos;
    };
    CHECK(is_refused([](Config& c) { web(c).address = *ServiceAddress::parse("tcp://[fe80::80]:80"); }));
    CHECK(is_refused([](Config& c) { web(c).backends = {backend("[fe80::11]:80")}; }));
    CHECK(is_refused([](Config& c) { c.pools[0].addresses.push_back(*AddressRange::parse("fe80::fe")); }));
}

TEST_CASE("a wide IPv6 prefix is too many addresses, and told at once", "[model]") {
    const std::string wide = GENERATE("2001:db8::/64", "2001:db8::/32", "::/0", "2001:db8::-2001:db8:0:0:ffff::");
    CAPTURE(wide);
    CHECK(error_after([&](Config& c) { c.pools[0] = pool("default", {wide}); }) ==
          "pool[default].addresses[0]: found \"" + wide + "\", expected at most 256 addresses in a pool");
    CHECK(error_after([](Config& c) { c.pools[0].addresses.push_back(*AddressRange::parse("2001:db8::/120")); }) ==
          "pool[default].addresses[2]: found \"2001:db8::/120\", expected at most 256 addresses in a pool");
}

TEST_CASE("durations and counts have bounds", "[model]") {
    CHECK(error_after([](Config& c) { web(c).idle_timeout.closed = Millis{0}; }) ==
          "service[web].idle_timeout.closed: found \"0s\", expected a duration from 100ms to 30d");
    CHECK(error_after([](Config& c) { web(c).idle_timeout.udp = Millis{31LL * 24 * 3600 * 1000}; }) ==
          "service[web].idle_timeout.udp: found \"31d\", expected a duration from 100ms to 30d");
    CHECK(error_after([](Config& c) { web(c).check.interval = Millis{99}; }) ==
          "service[web].check.interval: found \"99ms\", expected a duration from 100ms to 30d");
    CHECK(error_after([](Config& c) {
              web(c).check.timeout = Millis{0};
          }).starts_with("service[web].check.timeout: found"));
    CHECK(error_after([](Config& c) { web(c).check.rise = 0; }) ==
          "service[web].check.rise: found 0, expected a whole number from 1 to 100");
    CHECK(error_after([](Config& c) { web(c).check.fall = 101; }).starts_with("service[web].check.fall: found 101"));
    CHECK(error_after([](Config& c) { web(c).check.port = 0; }).starts_with("service[web].check.port: found 0"));
}

TEST_CASE("a check knows its port", "[model]") {
    const auto with = [](std::optional<std::uint16_t> port) {
        return error_after([&](Config& c) {
            web(c).address.ports = {};
            web(c).backends = {backend("1.1.1.11")};
            web(c).check = {.type = proxip::CheckType::tcp, .port = port};
        });
    };
    CHECK(with({}) == "service[web].check: has no port to check: expected check.port, since backend 1.1.1.11 has none");
    CHECK(with(80) == "none");
    CHECK(error_after([](Config& c) {
              web(c).address.ports = {};
              web(c).backends = {backend("1.1.1.11")};
              web(c).check.type = proxip::CheckType::icmp; // needs none
          }) == "none");
}

TEST_CASE("what a check asks, and what it takes for an answer", "[model]") {
    using proxip::Check;
    const auto with = [](const std::function<void(Check&)>& change) {
        return error_after([&](Config& c) { change(web(c).check); });
    };
    CHECK(with([](Check& c) { c.path = "/healthz?deep=1"; }) == "none");
    CHECK(with([](Check& c) { c.host = "www.example.org"; }) == "none");
    CHECK(with([](Check& c) { c.host = "2001:db8::1"; }) == "none");
    CHECK(with([](Check& c) { c.jitter = Millis{1000}; }) == "none");
    CHECK(with([](Check& c) { c.jitter = Millis{1001}; }) ==
          "service[web].check.jitter: found \"1s1ms\", expected at most 1s, half of the interval");
    CHECK(
        with([](Check& c) { c.host = "www.example.org:80"; }) ==
        "service[web].check.host: found \"www.example.org:80\", expected the name of a host, such as www.example.org, "
        "or an address, without a port");
    CHECK(with([](Check& c) { c.ca_file = "ca.pem"; }) ==
          "service[web].check.ca_file: found \"ca.pem\", expected the whole path of a file of certificates (PEM)");
    CHECK(with([](Check& c) { c.send = std::string(1025, 'x'); }) ==
          "service[web].check.send: found 1025 bytes, expected at most 1024");
    CHECK(with([](Check& c) { c.expect = std::string(1025, 'x'); }).starts_with("service[web].check.expect: found"));
    const std::string path =
        GENERATE(as<std::string>{}, "", "healthz", "/a b", "/a\r\nX: y", "/\xc3\xa9", "/" + std::string(1024, 'x'));
    CHECK(with([&](Check& c) { c.path = path; }).starts_with("service[web].check.path: found"));
    const std::string host = GENERATE(as<std::string>{}, "a b", "a\r\nX: y", "a/b", std::string(254, 'x'));
    CHECK(with([&](Check& c) { c.host = host; }).starts_with("service[web].check.host: found"));
}

TEST_CASE("min_up and slow_start have bounds", "[model]") {
    CHECK(error_after([](Config& c) { web(c).min_up = 1025; }) ==
          "service[web].min_up: found 1025, expected a whole number from 0 to 1024");
    CHECK(error_after([](Config& c) { web(c).slow_start = Millis{999}; }) ==
          "service[web].slow_start: found \"999ms\", expected a duration from 1s to 30d");
    CHECK(error_after([](Config& c) { web(c).slow_start = Millis{1000}; }) == "none");
}

TEST_CASE("settings of a check that do not count are told", "[model]") {
    const auto warned = [](const std::function<void(Service&)>& change) {
        Config config = good();
        change(web(config));
        const auto all = proxip::warnings(config);
        return all.empty() ? std::string("none") : all.front();
    };
    CHECK(warned([](Service& s) { s.check.path = "/healthz"; }) ==
          "service[web].check.path: counts only where type is http or https: it is none");
    CHECK(warned([](Service& s) { s.check = {.type = proxip::CheckType::https, .port = {}, .ca_file = "/ca.pem"}; }) ==
          "service[web].check.ca_file: counts only where type is https and verify is true: it is https");
    CHECK(warned([](Service& s) {
              s.check = {.type = proxip::CheckType::tcp, .port = {}, .interval = Millis{500}, .timeout = Millis{700}};
          }) == "service[web].check.timeout: is longer than the interval: a check is over when the next one is due, "
                "after 500ms");
    CHECK(warned([](Service& s) { s.check = {.type = proxip::CheckType::tcp, .port = {}, .interval = Millis{500}}; }) ==
          "none"); // the default
    CHECK(warned([](Service& s) {
              s.check.type = proxip::CheckType::tcp;
              s.min_up = 2;
          }) == "service[web].min_up: is 2, and 2 backends can take connections: the checks take none out");
}

TEST_CASE("as many as the tables hold", "[model]") {
    CHECK(error_after([](Config& c) {
              c.services.clear();
              for (int i = 0; i < 8193; ++i) {
                  c.services.push_back(
                      service(fmt::format("s{}", i), fmt::format("tcp://9.9.{}.{}:80", i / 256, i % 256)));
              }
          }) == "service: found 8193 services, expected at most 8192");
    const auto many = [](int services, int backends) {
        return error_after([=](Config& c) {
            c.services.clear();
            c.pools[0].addresses.resize(1);
            for (int s = 0; s < services; ++s) {
                c.services.push_back(service(fmt::format("s{}", s), fmt::format("tcp://9.9.9.9:{}", s + 1)));
                for (int b = 0; b < backends; ++b) {
                    c.services.back().backends.push_back(backend(fmt::format("10.9.{}.{}:80", b / 256, b % 256)));
                }
            }
        });
    };
    CHECK(many(1, 1024) == "none");
    CHECK(many(1, 1025) == "service[s0].backend: found 1025 backends, expected at most 1024 in a service");
    CHECK(many(32, 1024) == "none");
    CHECK(many(33, 1000) == "service[s32].backend: makes more than 32768 backends in all, expected at most so many");
}

TEST_CASE("ports of services and pairs of backend and Proxy IP are counted in all", "[model]") {
    CHECK(
        error_after([](Config& c) {
            c.services = {service("a", "tcp://9.9.9.1:1-65535"), service("b", "tcp://9.9.9.2:1-65535"),
                          service("c", "tcp://9.9.9.3:1-100"), service("d", "tcp://9.9.9.4:*")};
        }) ==
        "service[c].address: makes more than 131072 ports of services in all, expected at most so many, or * for every "
        "port");
    CHECK(error_after([](Config& c) {
              c.pools[0] = pool("default", {"10.5.0.0/24"});
              c.services = {service("a", "tcp://9.9.9.1:1"), service("b", "tcp://9.9.9.1:2")};
              for (int i = 0; i < 1024; ++i) {
                  c.services[0].backends.push_back(backend(fmt::format("10.6.{}.{}:1", i / 256, i % 256)));
              }
              c.services[1].backends = {backend("10.7.0.1:1")};
          }) ==
          "service[b].pool: makes more than 262144 pairs of a backend and a Proxy IP in all, expected at most so many");
    CHECK(error_after([](Config& c) { // half of the pool is of the other family
              c.pools[0] = pool("default", {"10.5.0.0/25", "2001:db8::/121"});
              c.services = {service("a", "tcp://9.9.9.1:1"), service("b", "tcp://9.9.9.1:2")};
              for (int i = 0; i < 1024; ++i) {
                  c.services[0].backends.push_back(backend(fmt::format("10.6.{}.{}:1", i / 256, i % 256)));
                  c.services[1].backends.push_back(backend(fmt::format("10.6.{}.{}:1", i / 256, i % 256)));
              }
          }) == "none");
}

TEST_CASE("what is probably not meant is told", "[model]") {
    Config config = good();
    config.agent.interfaces.clear();
    web(config).backends[0].weight = 0;
    web(config).backends[1].enabled = false;
    config.services.push_back(service("empty", "tcp://1.1.1.81:80"));
    config.services.push_back(service("chain", "tcp://1.1.1.82:80"));
    config.services.back().backends = {backend("1.1.1.81:80")};
    CHECK(fault(config) == "none");
    CHECK(proxip::warnings(config) ==
          std::vector<std::string>{
              "agent.interfaces: names no interface: no packet is seen",
              "service[web]: every backend has weight 0 or is not enabled: every new connection is refused",
              "service[empty]: has no backend: every new connection is refused",
              "service[chain].backend[1.1.1.81:80]: is a virtual IP of this load balancer, not a server"});
}
