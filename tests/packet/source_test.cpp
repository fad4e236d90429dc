#include <catch2/catch.hpp>

#include "packet/rig.hpp"

// Addresses that no host can have and be answered at (RFC 1122 section 3.2.1.3, RFC 4291 section 2.7).

namespace proxip::packet {

namespace {

constexpr Ip6 group6 = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

} // namespace

TEST_CASE("from an address that no host can have nothing is opened, and nothing is told", "[source]") {
    const auto refused = [](const Config& config, const Packet& packet) {
        const Rig rig(config);
        CHECK(rig.from_client(packet).verdict == Verdict::drop);
        CHECK(rig.count(abi::ABI_BAD_SOURCE) == 1);
        CHECK(rig.all_drops() == 1);
        CHECK(rig.connections().empty());
        CHECK(rig.count(abi::ABI_ANSWERED_RST) + rig.count(abi::ABI_ANSWERED_ICMP) == 0);
    };
    Config unserved = ipv6_config();
    unserved.services[1].backends.clear();
    const Ip6 loopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    for (const Ip& martian : {Ip{0, 0, 0, 0}, Ip{0, 1, 2, 3}, Ip{127, 0, 0, 1}, Ip{224, 0, 0, 1}, Ip{240, 0, 0, 1},
                              Ip{255, 255, 255, 255}}) {
        INFO("from " << text(martian));
        refused(basic_config(), Ethernet{} / Ipv4{.source = martian} / Tcp{.flags = Syn});
        refused(basic_config(), Ethernet{} / Ipv4{.source = martian} / Tcp{.flags = Ack}); // no RST either
        refused(basic_config(), Ethernet{} / Ipv4{.source = martian} / Udp{});
    }
    for (const Ip6& martian : {Ip6{}, loopback6, group6}) {
        INFO("from " << text(martian));
        refused(ipv6_config(), Ethernet{} / Ipv6{.source = martian} / Tcp{.flags = Syn});
        refused(unserved, Ethernet{} / Ipv6{.source = martian} / Udp{});
    }
}

TEST_CASE("the neighbours of addresses that no host can have are served", "[source]") {
    for (const Ip& first_or_last : {Ip{1, 0, 0, 0}, Ip{126, 255, 255, 255}, Ip{128, 0, 0, 0}, Ip{223, 255, 255, 255}}) {
        INFO("from " << text(first_or_last));
        CHECK(Rig().open(client_port, first_or_last) != 0);
    }
    const Ip6 after_loopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
    const Ip6 before_groups = {0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    for (const Ip6& other : {after_loopback, before_groups}) {
        INFO("from " << text(other));
        CHECK(Rig(ipv6_config()).open(Ethernet{} / Ipv6{.source = other} / Tcp{.flags = Syn}) != 0);
    }
}

TEST_CASE("a ping from an address that no host can have is not answered", "[source]") {
    const Rig rig;
    CHECK(rig.from_client(Ethernet{} / Ipv4{.source = {224, 0, 0, 1}} / Icmp{}).verdict == Verdict::drop);
    CHECK(rig.from_client(Ethernet{} / Ipv6{.source = group6} / Icmp{.type = 128}).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_BAD_SOURCE) == 2);
    CHECK(rig.count(abi::ABI_ANSWERED_ECHO) == 0);
}

} // namespace proxip::packet
