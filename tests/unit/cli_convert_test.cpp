// keepalived.conf to a configuration, and what is said of the rest.

#include <catch2/catch.hpp>

#include "cli/convert/keepalived.hpp"
#include "cli/convert/keepalived_text.hpp"
#include "model/codec.hpp"

namespace convert_test {
namespace {

using proxip::AddressRange;
using proxip::CheckType;
using proxip::Config;
using proxip::Millis;
using proxip::Scheduler;
using proxip::Snat;
using proxip::cli::convert::convert_keepalived;
using proxip::cli::convert::Converted;
using proxip::cli::convert::parse_keepalived;
using proxip::cli::convert::Wishes;

Converted converted(const std::string& text, const Wishes& wishes = {}) {
    auto out = convert_keepalived(text, wishes);
    if (!out) {
        FAIL(out.error().text());
    }
    const auto valid = proxip::validate(out->config);
    INFO((valid ? "" : valid.error().text()));
    CHECK(valid.has_value());
    const auto again = proxip::parse_config(proxip::write_config(out->config, proxip::Format::toml), "out");
    INFO((again ? "" : again.error().text()));
    CHECK(again.has_value());
    return std::move(*out);
}

std::string notes(const std::string& text) {
    return converted(text).notes.text("k.conf");
}

constexpr const char* usual = R"(! comment
global_defs {
    router_id LB1   # of no use here
}
vrrp_instance VI_1 {
    interface ens3
    virtual_ipaddress {
        10.0.0.1/24 dev ens3
    }
}
virtual_server 10.0.0.1 443 {
    delay_loop 6
    lb_algo wrr
    lb_kind NAT
    persistence_timeout 50
    protocol TCP
    sorry_server 192.168.1.200 443
    real_server 192.168.1.2 443 {
        weight 3
        inhibit_on_failure
        TCP_CHECK {
            connect_timeout 3
            connect_port 8443
            retry 2
            delay_before_retry 1
        }
    }
    real_server 192.168.1.3 443 { weight 1
        TCP_CHECK { connect_timeout 3
            connect_port 8443
            retry 2 } }
}
)";

TEST_CASE("keepalived: statements, blocks and comments", "[convert]") {
    const auto parsed = parse_keepalived("a b # c\nd {\n  e \"f g\" ! h\n}\ni\n{ j\n}\nk { l m }").value();
    REQUIRE(parsed.size() == 4);
    CHECK(parsed[0].words == std::vector<std::string>{"a", "b"});
    CHECK(parsed[1].block.at(0).words == std::vector<std::string>{"e", "f g"});
    CHECK(parsed[1].block.at(0).line == 3);
    CHECK(parsed[2].block.at(0).name() == "j");
    CHECK(parsed[3].block.at(0).text() == "l m");
    CHECK(parse_keepalived("a {\nb {\n}\n").error().path == "1");
    CHECK(parse_keepalived("a\n}\n").error().path == "2");
    CHECK(parse_keepalived("{\n}\n").error().path == "1");
    CHECK(parse_keepalived("a \"b\n").error().path == "1");
}

TEST_CASE("keepalived: a usual virtual_server", "[convert]") {
    const Config config =
        converted(usual, {.proxy_ips = {AddressRange::parse("10.0.0.254").value()}, .interfaces = {}}).config;
    CHECK(config.agent.interfaces.at(0).name == "ens3");
    CHECK(config.pools.at(0).addresses.at(0).text() == "10.0.0.254");
    const auto& service = config.services.at(0);
    CHECK(service.name == "tcp-10.0.0.1-443");
    CHECK(service.address.text() == "tcp://10.0.0.1:443");
    CHECK(service.snat == Snat::always);
    CHECK(service.scheduler == Scheduler::round_robin);
    CHECK(service.affinity == Millis{50'000});
    CHECK(service.check.type == CheckType::tcp);
    CHECK(service.check.port == 8443);
    CHECK(service.check.interval == Millis{6000});
    CHECK(service.check.timeout == Millis{3000});
    CHECK(service.check.rise == 1);
    CHECK(service.check.fall == 3);
    REQUIRE(service.backends.size() == 3);
    CHECK((service.backends[0].backup && service.backends[0].address.text() == "192.168.1.200:443"));
    CHECK(service.backends[1].weight == 3);
}

TEST_CASE("keepalived: what has no counterpart is told with its line", "[convert]") {
    const auto said = notes(usual);
    for (const char* one :
         {"k.conf:2: global_defs: not translated", "k.conf:5: vrrp_instance: ", "k.conf:14: lb_kind NAT: snat",
          "k.conf:20: inhibit_on_failure: needs no key", "k.conf:25: delay_before_retry of TCP_CHECK: not translated",
          "192.0.2.254 only holds a place"}) {
        CHECK_THAT(said, Catch::Contains(one));
    }
}

TEST_CASE("keepalived: a group is a service for each address", "[convert]") {
    const auto out = converted("virtual_server_group G {\n10.0.0.1 80\n10.0.0.3-5 81\n2001:db8::2-3 80\nfwmark 7\n}\n"
                               "virtual_server group G {\nlb_algo mh\nprotocol UDP\nreal_server 10.1.0.1 53 {\n}\n"
                               "real_server 2001:db8:1::1 53 {\n}\n}\n");
    const auto& services = out.config.services;
    REQUIRE(services.size() == 6);
    CHECK(services[1].address.text() == "udp://10.0.0.3:81");
    CHECK(services[5].address.text() == "udp://[2001:db8::3]:80");
    CHECK(services[5].scheduler == Scheduler::maglev);
    CHECK(services[0].backends.size() == 1); // of its own family
    CHECK(services[5].backends.size() == 1);
    CHECK_THAT(out.notes.text("k"), Catch::Contains("k:5: fwmark 7: not translated"));
    CHECK(out.config.pools.at(0).addresses.size() == 2);
}

TEST_CASE("keepalived: schedulers, weights, kinds and checks", "[convert]") {
    const auto one = [](const std::string& inside) {
        return converted("virtual_server 10.0.0.1 80 {\n" + inside + "\n}\n");
    };
    CHECK(one("lb_algo sh").config.services[0].scheduler == Scheduler::source_hash);
    CHECK(one("lb_algo wlc").config.services[0].scheduler == Scheduler::least_connections);
    CHECK(one("").config.services[0].scheduler == Scheduler::least_connections); // as IPVS has it
    CHECK(one("persistence_timeout").config.services[0].affinity == Millis{360'000});
    CHECK_THAT(one("lb_algo sed").notes.text("k"), Catch::Contains("k:2: lb_algo sed: becomes least-connections"));
    CHECK_THAT(one("lvs_sched dh").notes.text("k"), Catch::Contains("k:2: lvs_sched dh: "));
    CHECK_THAT(one("lvs_method TUN").notes.text("k"), Catch::Contains("take the VIP off their own interfaces"));
    const auto scaled =
        one("lb_algo wrr\nreal_server 10.1.0.1 80 {\nweight 1024\n}\nreal_server 10.1.0.2 80 {\nweight 512\n}\n"
            "real_server 10.1.0.3 80 {\nweight 0\n}");
    CHECK(scaled.config.services[0].backends[0].weight == 256);
    CHECK(scaled.config.services[0].backends[1].weight == 128);
    CHECK(scaled.config.services[0].backends[2].weight == 0);
    CHECK(one("lb_algo rr\nreal_server 10.1.0.1 80 {\nweight 9\n}").config.services[0].backends[0].weight == 1);
    const auto misc =
        one("real_server 10.1.0.1 80 {\nMISC_CHECK {\nmisc_path /x\n}\n}\nreal_server 10.1.0.2 80 {\nTCP_CHECK "
            "{\nconnect_port 9\n}\n}");
    CHECK(misc.config.services[0].check.type == CheckType::tcp);
    CHECK_THAT(misc.notes.text("k"), Catch::Contains("k:3: MISC_CHECK: becomes a check that connects"));
    CHECK_THAT(misc.notes.text("k"), Catch::Contains("k:8: not the check of the first real_server"));
}

TEST_CASE("keepalived: what lbagent would refuse is left out with the reason", "[convert]") {
    const auto out = converted("virtual_server fwmark 3 {\n}\nvirtual_server 10.0.0.1 80 {\nprotocol SCTP\n}\n"
                               "virtual_server 127.0.0.1 80 {\n}\nvirtual_server 10.0.0.2 80 {\n}\n"
                               "virtual_server 10.0.0.2 80 {\n}\nvirtual_server x 80 {\n}\n");
    REQUIRE(out.config.services.size() == 1);
    const auto said = out.notes.text("k");
    for (const char* one :
         {"k:1: virtual_server fwmark 3: not translated", "k:4: protocol SCTP: not translated",
          "k:6: not translated, nor is this virtual_server: service[tcp-127.0.0.1-80].address",
          "k:10: tcp://10.0.0.2:80 is a virtual_server already", "k:12: virtual_server x 80: not translated"}) {
        CHECK_THAT(said, Catch::Contains(one));
    }
    CHECK(converted("").config.services.empty());
}

TEST_CASE("keepalived: any bytes are read or refused", "[convert][property]") {
    std::uint32_t state = 1;
    const std::string_view pieces[] = {
        "virtual_server ", "10.0.0.1 ", "80 ", "{", "}", "\n",         "real_server ",          "\"",  "#", "!",
        "group ",          "G ",        "-",   "9", " ", "TCP_CHECK ", "virtual_server_group ", "\xff"};
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        for (int i = 0; i < 40; ++i) {
            state = state * 1664525 + 1013904223;
            text += pieces[(state >> 16) % std::size(pieces)];
        }
        if (const auto out = convert_keepalived(text, {})) {
            CHECK(proxip::validate(out->config).has_value());
        }
    }
}

} // namespace
} // namespace convert_test
