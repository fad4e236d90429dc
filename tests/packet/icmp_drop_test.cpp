#include <catch2/catch.hpp>

#include "packet/families.hpp"

// ICMP errors that are not translated: wrong, about nothing of ours, or with no way to go.

namespace proxip::packet {

TEMPLATE_TEST_CASE("errors with a wrong checksum are dropped", "[icmp]", Ipv4, Ipv6) {
    const TcpOpen<TestType> rig;
    Icmp what = port_unreachable<TestType>();
    what.checksum = 0x1234;
    CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) / what / quote(rig.backend_got())).verdict ==
          Verdict::drop);
    CHECK(rig.from_client(Ethernet{} / TestType{} / what / quote(rig.client_got())).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_ICMP_INVALID) == 2);
    CHECK(rig.all_drops() == 2);
}

TEST_CASE("errors that quote an IP header with a wrong checksum are dropped, options included", "[icmp]") {
    const TcpOpen<Ipv4> rig;
    const auto with_spoilt = [](const Packet& packet, std::size_t at) {
        Payload out = quote(packet);
        out.bytes.at(at) ^= 1;
        return out;
    };
    const Packet options =
        Ethernet{} / translated(Ipv4{.options = {1, 1, 1, 0}}) / Tcp{.source = rig.port, .destination = backend_port};
    constexpr std::size_t time_to_live = 8;
    for (const Payload& spoilt : {with_spoilt(rig.backend_got(), time_to_live), with_spoilt(options, 20)}) {
        CHECK(rig.from_backend(from_backend() / reply_ip() / Icmp{.type = 3, .code = 3} / spoilt).verdict ==
              Verdict::drop);
    }
    CHECK(rig.count(abi::ABI_ICMP_INVALID) == 2);
    // The quoted L4 checksum cannot be told, and is not looked at.
    CHECK(rig.from_backend(from_backend() / reply_ip() / Icmp{.type = 3, .code = 3} /
                           with_spoilt(rig.backend_got(), 20 + 20))
              .verdict == Verdict::redirect);
}

TEMPLATE_TEST_CASE("errors about no connection of ours are dropped, and those to others pass", "[icmp]", Ipv4, Ipv6) {
    const TcpOpen<TestType> rig;
    const Icmp what = port_unreachable<TestType>();
    const auto unmatched = [&](const Frame& frame) {
        CHECK(rig.from_backend(frame).verdict == Verdict::drop);
        CHECK(rig.count(abi::ABI_ICMP_UNMATCHED) == 1);
        CHECK(rig.all_drops() == 1);
    };
    SECTION("another proxy port") {
        unmatched(from_backend() / reply_ip(TestType{}) / what /
                  quote(Ethernet{} / translated(TestType{}) /
                        Tcp{.source = static_cast<std::uint16_t>(rig.port + 1), .destination = backend_port}));
    }
    SECTION("another protocol") {
        unmatched(from_backend() / reply_ip(TestType{}) / what /
                  quote(Ethernet{} / translated(TestType{}) / Udp{.source = rig.port, .destination = backend_port}));
    }
    SECTION("a ping") {
        unmatched(from_backend() / reply_ip(TestType{}) / what /
                  quote(Ethernet{} / translated(TestType{}) / Icmp{.type = 8}));
    }
    SECTION("a packet in the other direction: we never sent it there") {
        unmatched(from_backend() / reply_ip(TestType{}) / what / quote(rig.backend_sent()));
    }
    SECTION("to another than the quoted packet came from") {
        TestType to_vip = reply_ip(TestType{});
        to_vip.destination = TestType{}.destination;
        unmatched(from_backend() / to_vip / what / quote(rig.backend_got()));
    }
    SECTION("nothing is quoted") {
        unmatched(from_backend() / reply_ip(TestType{}) / what);
    }
    SECTION("what is quoted is no IP") {
        unmatched(from_backend() / reply_ip(TestType{}) / what / Payload(Bytes(60, 0xff)));
    }
    SECTION("to others") {
        TestType elsewhere;
        elsewhere.destination = router<TestType>();
        TestType quoted;
        quoted.source = elsewhere.destination;
        const Frame frame = Ethernet{} / elsewhere / what / quote(Ethernet{} / quoted / Tcp{});
        const Outcome out = rig.from_client(frame);
        CHECK(out.verdict == Verdict::pass);
        CHECK(out.frame == frame);
        CHECK(rig.all_drops() == 0);
    }
}

TEMPLATE_TEST_CASE("an error about no connection, to an address that is the host's too, is the host's", "[icmp]", Ipv4,
                   Ipv6) {
    Rig rig(config_of<TestType>());
    rig.local(TestType{}.destination, {.vip = true, .host = true, .answer = true});
    const Frame frame = Ethernet{} / TestType{} / port_unreachable<TestType>() /
                        quote(Ethernet{} / reply_translated(TestType{}) / Tcp{.source = 22});
    const Outcome out = rig.from_client(frame);
    CHECK(out.verdict == Verdict::pass);
    CHECK(out.frame == frame);
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("ICMP that is neither an error about packets nor a ping is not translated", "[icmp]") {
    const TcpOpen<Ipv4> rig;
    std::uint64_t dropped = 0;
    for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{4}, std::uint8_t{5}, std::uint8_t{13}}) {
        INFO("type " << int{type}); // echo reply, source quench (RFC 6633), redirect, timestamp
        CHECK(rig.from_backend(from_backend() / reply_ip() / Icmp{.type = type} / quote(rig.backend_got())).verdict ==
              Verdict::drop);
        CHECK(rig.count(abi::ABI_PROTOCOL) == ++dropped);
    }
}

TEMPLATE_TEST_CASE("an error that cannot leave is dropped, and nobody is told", "[icmp]", Ipv4, Ipv6) {
    TcpOpen<TestType> rig;
    const auto dropped = [&](const Frame& frame, abi::abi_reason reason) {
        const Outcome out = rig.from_client(frame);
        CHECK(out.verdict == Verdict::drop);
        CHECK(rig.count(reason) == 1);
        CHECK(rig.all_drops() == 1);
        CHECK(rig.count(abi::ABI_ANSWERED_ICMP) == 0);
    };
    const auto about = [&](const TestType& outer, std::size_t size = 30) {
        return Frame(Ethernet{} / outer / port_unreachable<TestType>() / quote(rig.client_got(size)));
    };
    SECTION("its hops end here") {
        TestType last;
        for (int i = 0; i < 63; ++i) {
            last = one_hop_less(last);
        }
        dropped(about(last), abi::ABI_TTL_EXPIRED);
    }
    SECTION("no next hop") {
        rig.paths({});
        dropped(about({}), abi::ABI_NO_NEXT_HOP);
    }
    SECTION("larger than the MTU") {
        rig.mtu(rig.back, 1280);
        dropped(about({}, 1300), abi::ABI_TOO_BIG);
    }
}

} // namespace proxip::packet
