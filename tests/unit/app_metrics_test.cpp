#include <catch2/catch.hpp>

#include "app/metrics.hpp"

namespace metrics_test {
namespace {

using proxip::app::metrics_text;
using proxip::app::Readings;

Readings readings() {
    Readings out;
    out.status.version = "1.2.3";
    out.status.generation = 7;
    out.status.connections = 3;
    out.status.interfaces = {{.name = "eth0", .ifindex = 2, .xdp_mode = "native"}};
    out.drops = {{"no_backend_available", 4}, {"ttl_expired", 0}};
    out.events = {{"passed", 1ULL << 40}};
    out.nat = {.events = 10, .lost = 2, .lines_lost = 1, .bytes = 4096};
    proxip::api::BackendView backend;
    backend.service = "we\"b\\";
    backend.address = "[2001:db8::1]:80";
    backend.state = "drain";
    backend.health = "up";
    out.backends = {backend};
    proxip::api::PoolView pool;
    pool.name = "default";
    pool.addresses = {
        {.address = "1.1.1.254",
         .in_use = 30,
         .endpoints = {
             {.address = "a", .protocol = "tcp", .in_use = 10, .capacity = 100},
             {.address = "b", .protocol = "tcp", .in_use = 20, .capacity = 80},
             {.address = "b", .protocol = "tcp", .in_use = 9, .capacity = 10, .ports = "1-10", .former = true}}}};
    out.pools = {pool};
    return out;
}

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST_CASE("metrics, in Prometheus' text format", "[app]") {
    const std::string text = metrics_text(readings());
    INFO(text);
    CHECK(has_line(text, "# TYPE proxip_drops_total counter"));
    CHECK(has_line(text, "proxip_drops_total{reason=\"no_backend_available\"} 4"));
    CHECK(has_line(text, "proxip_drops_total{reason=\"ttl_expired\"} 0"));
    CHECK(has_line(text, "proxip_events_total{event=\"passed\"} 1099511627776"));
    CHECK(has_line(text, "proxip_nat_log_events_total 10"));
    CHECK(has_line(text, "proxip_nat_log_lost_total 2"));
    CHECK(has_line(text, "proxip_nat_log_json_lost_total 1"));
    CHECK(has_line(text, "proxip_nat_log_bytes 4096"));
    CHECK(has_line(text, "proxip_build_info{version=\"1.2.3\"} 1"));
    CHECK(has_line(text, "proxip_generation 7"));
    CHECK(has_line(text, "proxip_connections 3"));
    CHECK(has_line(text, "proxip_interface_attached{interface=\"eth0\",xdp_mode=\"native\"} 1"));
    CHECK(has_line(text, "proxip_backend_up{service=\"we\\\"b\\\\\",backend=\"[2001:db8::1]:80\"} 0"));
    CHECK(has_line(text, "proxip_proxy_ports_in_use{pool=\"default\",proxy=\"1.1.1.254\"} 30"));
    CHECK(has_line(text, "proxip_proxy_ports_used_ratio{pool=\"default\",proxy=\"1.1.1.254\"} 0.25"));
}

} // namespace metrics_test
