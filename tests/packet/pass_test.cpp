#include <catch2/catch.hpp>

#include "dataplane/tables.hpp"
#include "packet/rig.hpp"
#include "policy/abi.hpp"

namespace proxip::packet {

namespace {

void passes(const Rig& rig, const Frame& frame, abi::abi_reason counted_as = abi::ABI_PASSED) {
    const auto before = rig.count(counted_as);
    const Outcome out = rig.from_client(frame);
    CHECK(out.verdict == Verdict::pass);
    CHECK(out.frame == frame);
    CHECK_FALSE(out.mark.has_value());
    CHECK(rig.count(counted_as) == before + 1);
    CHECK(rig.all_drops() == 0);
}

std::uint32_t filter_bit(Ip ip) {
    const auto key = policy::to_abi(address(ip));
    return abi::abi_local_bit(&key);
}

bool is_in_filter(const Rig& rig, Ip ip) {
    const auto filter = dataplane::read_element<abi::abi_local_filter>(rig.map("local_filter"), 0);
    REQUIRE(filter.has_value());
    return ((filter->word[filter_bit(ip) / 64] >> filter_bit(ip) % 64) & 1) != 0;
}

} // namespace

TEST_CASE("an address that shares a bit of the filter with one of ours passes all the same", "[pass]") {
    const Rig rig;
    Ip twin = stranger;
    for (std::uint32_t n = 0; filter_bit(twin) != filter_bit(vip); ++n) {
        twin = {stranger[0], static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
                static_cast<std::uint8_t>(n)};
    }
    REQUIRE(is_in_filter(rig, twin));
    passes(rig, Ethernet{} / Ipv4{.destination = twin} / Tcp{.flags = Syn});
}

TEST_CASE("an address that is ours no more is not in the filter", "[pass]") {
    const Rig rig;
    REQUIRE(is_in_filter(rig, vip));
    REQUIRE(rig.plane().set_locals({}).has_value());
    CHECK_FALSE(is_in_filter(rig, vip));
}

TEST_CASE("what is not ours passes, byte for byte", "[pass]") {
    const Rig rig;
    SECTION("another address") {
        passes(rig, Ethernet{} / Ipv4{.destination = stranger} / Tcp{.flags = Syn} / Payload{"hello"} / Padding{3});
    }
    SECTION("another MAC") {
        passes(rig, Ethernet{.destination = stranger_mac} / Ipv4{} / Tcp{.flags = Syn});
    }
    SECTION("broadcast to the VIP") {
        passes(rig, Ethernet{.destination = broadcast_mac} / Ipv4{} / Udp{});
    }
    SECTION("a multicast MAC") {
        passes(rig, Ethernet{.destination = {1, 0, 0x5e, 0, 0, 1}} / Ipv4{} / Udp{});
    }
    SECTION("IPv6") {
        passes(rig, Packet{.ethernet = {.type = 0x86dd}, .payload = Bytes(40, 0x60)});
    }
    SECTION("a VLAN tag") {
        passes(rig, Packet{.ethernet = {.type = 0x8100}, .payload = Bytes(60, 1)}, abi::ABI_PASSED_TAGGED);
        passes(rig, Packet{.ethernet = {.type = 0x88a8}, .payload = Bytes(60, 1)}, abi::ABI_PASSED_TAGGED);
    }
    SECTION("LLDP") {
        passes(rig, Packet{.ethernet = {.type = 0x88cc}, .payload = Bytes(46, 2)});
    }
    SECTION("a frame too short for IPv4") {
        passes(rig, Packet{.ethernet = {.type = 0x0800}, .payload = Bytes(19, 0x45)});
    }
    SECTION("an empty frame") {
        passes(rig, Packet{.ethernet = {.type = 0x0800}, .payload = Bytes()});
    }
    SECTION("ICMP of others") {
        passes(rig, Ethernet{} / Ipv4{.destination = stranger} / Icmp{});
    }
    SECTION("fragments of others") {
        passes(rig, Ethernet{} / Ipv4{.destination = stranger, .more_fragments = true} / Udp{} / Payload{8});
    }
    SECTION("malformed packets of others") {
        passes(rig, Ethernet{} / Ipv4{.destination = stranger, .length = 2000} / Tcp{});
    }
}

TEST_CASE("what comes in by an interface that is not ours passes", "[pass]") {
    const Rig rig;
    const Frame frame = Ethernet{} / Ipv4{} / Tcp{.flags = Syn};
    const Outcome out = run_xdp(rig.program("proxip_xdp"), make_interface("other", stranger_mac), frame);
    CHECK(out.verdict == Verdict::pass);
    CHECK(out.frame == frame);
    CHECK(rig.connections().empty());
}

TEST_CASE("an address that is the host's too: what matches nothing is the host's", "[pass]") {
    Rig rig;
    rig.local(vip, {.vip = true, .host = true, .answer = true});
    passes(rig, Ethernet{} / Ipv4{} / Tcp{.destination = 22, .flags = Syn});
    passes(rig, Ethernet{} / Ipv4{} / Icmp{});
    passes(rig, Ethernet{.destination = broadcast_mac} / Arp{});
    CHECK(rig.open() != 0); // the service is ours all the same
}

TEST_CASE("malformed and short packets to us do no harm", "[pass]") {
    const Rig rig;
    const auto dropped = [&](const Frame& frame) {
        const auto before = rig.count(abi::ABI_BAD_HEADER);
        CHECK(rig.from_client(frame).verdict == Verdict::drop);
        CHECK(rig.count(abi::ABI_BAD_HEADER) == before + 1);
    };
    SECTION("IP version") {
        dropped(Ethernet{} / Ipv4{.version = 5} / Tcp{});
    }
    SECTION("IP header too small") {
        dropped(Ethernet{} / Ipv4{.header_words = 4} / Tcp{});
    }
    SECTION("IP header beyond the packet") {
        dropped(Ethernet{} / Ipv4{.header_words = 15} / Udp{});
    }
    SECTION("longer than the frame") {
        dropped(Ethernet{} / Ipv4{.length = 41} / Tcp{});
    }
    SECTION("shorter than its header") {
        dropped(Ethernet{} / Ipv4{.length = 19} / Tcp{});
    }
    SECTION("TCP cut off") {
        dropped(Ethernet{} / Ipv4{.length = 39} / Tcp{});
    }
    SECTION("TCP header too small") {
        dropped(Ethernet{} / Ipv4{} / Tcp{.header_words = 4});
    }
    SECTION("TCP header beyond the packet") {
        dropped(Ethernet{} / Ipv4{} / Tcp{.header_words = 6});
    }
    SECTION("UDP cut off") {
        dropped(Ethernet{} / Ipv4{.length = 27} / Udp{});
    }
    SECTION("UDP longer than the packet") {
        dropped(Ethernet{} / Ipv4{} / Udp{.length = 9});
    }
    SECTION("UDP shorter than its header") {
        dropped(Ethernet{} / Ipv4{} / Udp{.length = 7} / Payload{4});
    }
    CHECK(rig.connections().empty());
}

} // namespace proxip::packet
