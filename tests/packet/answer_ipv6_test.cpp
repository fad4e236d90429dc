#include <catch2/catch.hpp>

#include "packet/rig.hpp"

// Neighbour discovery, ping, and refusals with IPv6.

namespace proxip::packet {

namespace {

constexpr Ip6 unspecified = {};
constexpr Ip6 all_nodes = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01};
constexpr Mac all_nodes_mac = {0x33, 0x33, 0, 0, 0, 0x01};

// The group that whoever has the address is in (RFC 4291 section 2.7.1), and its MAC (RFC 2464 section 7).
Ip6 solicited_node(const Ip6& of) {
    return {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xff, of[13], of[14], of[15]};
}
Mac solicited_node_mac(const Ip6& of) {
    return {0x33, 0x33, 0xff, of[13], of[14], of[15]};
}

Ethernet to_group_of(const Ip6& of) {
    return {.destination = solicited_node_mac(of)};
}
Ipv6 asking_for(const Ip6& of) {
    return {.destination = solicited_node(of), .hop_limit = 255};
}
Ipv6 telling(const Ip6& who, const Ip6& whom = client6) {
    return {.source = who, .destination = whom, .hop_limit = 255, .flow_label = 0};
}

constexpr Ipv6 answer_from_vip6{.source = vip6, .destination = client6, .flow_label = 0};
constexpr std::size_t most_quoted6 = 1280 - 40 - 8; // RFC 4443 section 2.4 (c)

Frame icmpv6_error(const Packet& about, std::uint8_t type, std::uint8_t code, std::uint16_t mtu = 0) {
    return to_client() / answer_from_vip6 / Icmp{.type = type, .code = code, .second = mtu} /
           quote(about, most_quoted6);
}

Config no_backends6() {
    Config config = ipv6_config();
    config.services[0].backends.clear();
    config.services[1].backends.clear();
    return config;
}

} // namespace

TEST_CASE("neighbour solicitations are answered for the VIP and the Proxy IP (RFC 4861)", "[answer][ipv6]") {
    const Rig rig;
    for (const Ip6& asked : {vip6, proxy6}) {
        const Outcome out = rig.from_client(to_group_of(asked) / asking_for(asked) / Solicitation{.target = asked});
        REQUIRE(out.verdict == Verdict::redirect);
        CHECK(out.frame == Frame(to_client() / telling(asked) / Advertisement{.target = asked}));
    }
    CHECK(rig.count(abi::ABI_ANSWERED_ND) == 2);
}

TEST_CASE("a neighbour that asks whether we are still there is answered", "[answer][ipv6]") {
    const Rig rig;
    // Unicast, as neighbour unreachability detection does, and without its own MAC.
    const Outcome out =
        rig.from_client(Ethernet{} / Ipv6{.hop_limit = 255} / Solicitation{.source_mac = {}} / Padding{2});
    CHECK(out.frame == Frame(to_client() / telling(vip6) / Advertisement{}));
}

TEST_CASE("a solicitation is answered with the MAC of the interface that was asked on", "[answer][ipv6]") {
    const Rig rig;
    const Outcome out =
        rig.from_backend(Ethernet{.destination = solicited_node_mac(proxy6), .source = backend_mac} /
                         Ipv6{.source = backend6, .destination = solicited_node(proxy6), .hop_limit = 255} /
                         Solicitation{.target = proxy6, .source_mac = backend_mac});
    CHECK(out.frame ==
          Frame(to_backend() / telling(proxy6, backend6) / Advertisement{.target = proxy6, .target_mac = back_mac}));
}

TEST_CASE("a host that wants our address for itself hears that it is taken (RFC 4862)", "[answer][ipv6]") {
    const Rig rig;
    const Outcome out = rig.from_client(
        to_group_of(vip6) / Ipv6{.source = unspecified, .destination = solicited_node(vip6), .hop_limit = 255} /
        Solicitation{.source_mac = {}});
    REQUIRE(out.verdict == Verdict::redirect);
    CHECK(out.frame == Frame(Ethernet{.destination = all_nodes_mac, .source = front_mac} / telling(vip6, all_nodes) /
                             Advertisement{.solicited = false}));
}

TEST_CASE("a solicitation with options that we do not know is answered", "[answer][ipv6]") {
    const Rig rig;
    Packet nonce = to_group_of(vip6) / asking_for(vip6) / Solicitation{};
    nonce.payload.insert(nonce.payload.end(), {14, 1, 1, 2, 3, 4, 5, 6}); // RFC 7527
    CHECK(rig.from_client(nonce).frame == Frame(to_client() / telling(vip6) / Advertisement{}));
}

TEST_CASE("neighbour discovery is left alone where it is not ours to answer", "[answer][ipv6]") {
    Rig rig;
    const auto silent = [&](const Frame& frame) {
        const Outcome out = rig.from_client(frame);
        CHECK(out.verdict == Verdict::pass);
        CHECK(out.frame == frame);
        CHECK(rig.count(abi::ABI_PASSED) == 1);
    };
    const Packet asked = to_group_of(vip6) / asking_for(vip6) / Solicitation{};
    SECTION("another address") {
        silent(to_group_of(stranger6) / asking_for(stranger6) / Solicitation{.target = stranger6});
    }
    SECTION("an advertisement") {
        silent(Ethernet{.destination = all_nodes_mac} / Ipv6{.destination = all_nodes, .hop_limit = 255} /
               Advertisement{.target_mac = client_mac});
    }
    SECTION("to another MAC") {
        silent(Ethernet{.destination = stranger_mac} / Ipv6{.hop_limit = 255} / Solicitation{});
    }
    SECTION("it came through a router") {
        silent(to_group_of(vip6) / Ipv6{.destination = solicited_node(vip6), .hop_limit = 254} / Solicitation{});
    }
    SECTION("its checksum is wrong") {
        silent(to_group_of(vip6) / asking_for(vip6) / Solicitation{.checksum = 0x1234});
    }
    SECTION("of a code that there is not") {
        silent(to_group_of(vip6) / asking_for(vip6) / Solicitation{.code = 1});
    }
    SECTION("too short for its target") {
        Packet short_one = asked;
        short_one.payload.resize(15);
        silent(short_one);
    }
    SECTION("a neighbour has the address") {
        rig.local(vip6, {.vip = true, .answer = false});
        silent(asked);
    }
    SECTION("it is on-link on another interface") {
        rig.local(vip6, {.vip = true, .answer = true, .only_link = rig.back});
        silent(asked);
    }
    SECTION("the host has it") {
        rig.local(vip6, {.vip = true, .host = true, .answer = true});
        silent(asked);
    }
    CHECK(rig.count(abi::ABI_ANSWERED_ND) == 0);
}

TEST_CASE("a unicast solicitation that came through a router is dropped as what it is", "[answer][ipv6]") {
    const Rig rig;
    CHECK(rig.from_client(Ethernet{} / Ipv6{.hop_limit = 254} / Solicitation{}).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_PROTOCOL) == 1);
    CHECK(rig.count(abi::ABI_ANSWERED_ND) == 0);
}

TEST_CASE("IPv6: ping of the VIP and the Proxy IP is answered", "[answer][ipv6]") {
    const Rig rig;
    for (const Ip6& asked : {vip6, proxy6}) {
        const Payload data(33);
        const Outcome out =
            rig.from_client(Ethernet{} / Ipv6{.destination = asked, .hop_limit = 3, .flow_label = 0x77} /
                            Icmp{.type = 128, .first = 0xabcd, .second = 7} / data);
        REQUIRE(out.verdict == Verdict::redirect);
        CHECK(out.frame == Frame(to_client() / Ipv6{.source = asked, .destination = client6, .flow_label = 0x77} /
                                 Icmp{.type = 129, .first = 0xabcd, .second = 7} / data));
    }
    CHECK(rig.count(abi::ABI_ANSWERED_ECHO) == 2);
}

TEST_CASE("IPv6: without a backend a SYN is answered with a RST", "[answer][ipv6]") {
    const Rig rig(no_backends6());
    const Frame reset =
        to_client() / answer_from_vip6 /
        Tcp{.source = web_port, .destination = client_port, .seq = 0, .ack = 17, .flags = Rst | Ack, .window = 0};
    const Tcp syn{.seq = 0xfffffff0, .flags = Syn, .options = {2, 4, 5, 0xb4}};
    CHECK(rig.from_client(Ethernet{} / Ipv6{} / syn / Payload{32}).frame == reset);
    CHECK(rig.from_client(Ethernet{} / Ipv6{} / hop_by_hop() / destination_options() / syn / Payload{32}).frame ==
          reset);
    CHECK(rig.count(abi::ABI_NO_BACKEND) == 2);
    CHECK(rig.count(abi::ABI_ANSWERED_RST) == 2);
}

TEST_CASE("IPv6: without a backend UDP is answered with port unreachable", "[answer][ipv6]") {
    const Rig rig(no_backends6());
    const auto answered = [&](const Packet& question) {
        const Outcome out = rig.from_client(question);
        CHECK(out.frame == icmpv6_error(question, 1, 4));
        return out.frame.bytes.size() - 14;
    };
    CHECK(answered(Ethernet{} / Ipv6{} / Udp{} / Payload{"who is there?"} / Padding{5}) == 48 + 48 + 13);
    CHECK(answered(Ethernet{} / Ipv6{} / hop_by_hop() / Udp{} / Payload{3}) == 48 + 56 + 3);
    CHECK(answered(Ethernet{} / Ipv6{} / Udp{} / Payload{most_quoted6 - 48 - 1}) == 1279);
    CHECK(answered(Ethernet{} / Ipv6{} / Udp{} / Payload{most_quoted6 - 48}) == 1280);
    CHECK(answered(Ethernet{} / Ipv6{} / Udp{} / Payload{most_quoted6 - 48 + 1}) == 1280);
    CHECK(answered(Ethernet{} / Ipv6{} / Udp{} / Payload{1452}) == 1280);
}

TEST_CASE("a hop limit that ends here is answered as it came", "[answer][ipv6]") {
    const Rig rig(ipv6_config());
    const auto port = rig.open(Ethernet{} / Ipv6{} / Tcp{.flags = Syn});
    for (const std::uint8_t hops : {std::uint8_t{0}, std::uint8_t{1}}) {
        const Packet last = Ethernet{} / Ipv6{.hop_limit = hops} / Tcp{} / Payload{100};
        CHECK(rig.from_client(last).frame == icmpv6_error(last, 3, 0));
    }
    const Packet reply =
        from_backend() / reply_ip(Ipv6{.hop_limit = 1}) / Tcp{.source = backend_port, .destination = port};
    CHECK(rig.from_backend(reply).frame ==
          Frame(to_backend() / Ipv6{.source = proxy6, .destination = backend6, .flow_label = 0} / Icmp{.type = 3} /
                quote(reply)));
    CHECK(rig.count(abi::ABI_TTL_EXPIRED) == 3);
}

TEST_CASE("IPv6: what is larger than the MTU of its way out is told so, with that MTU", "[answer][ipv6]") {
    Rig rig(ipv6_config());
    (void)rig.open(Ethernet{} / Ipv6{} / Tcp{.flags = Syn});
    rig.mtu(rig.back, 1400);
    const Packet large = Ethernet{} / Ipv6{} / Tcp{} / Payload{1341};
    CHECK(rig.from_client(large).frame == icmpv6_error(large, 2, 0, 1400));
    CHECK(rig.count(abi::ABI_TOO_BIG) == 1);
    CHECK(rig.from_client(Ethernet{} / Ipv6{} / Tcp{} / Payload{1340} / Padding{20}).verdict == Verdict::redirect);
}

TEST_CASE("IPv6: without a next hop the sender is told address unreachable", "[answer][ipv6]") {
    Rig rig(ipv6_config());
    rig.paths({});
    const Packet syn = Ethernet{} / Ipv6{} / Tcp{.flags = Syn};
    CHECK(rig.from_client(syn).frame == icmpv6_error(syn, 1, 3));
    CHECK(rig.count(abi::ABI_NO_NEXT_HOP) == 1);
    CHECK(rig.connections().empty());
}

} // namespace proxip::packet
