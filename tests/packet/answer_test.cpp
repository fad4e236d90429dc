#include <catch2/catch.hpp>

#include "packet/rig.hpp"

namespace proxip::packet {

namespace {

constexpr std::size_t most_quoted = 576 - 20 - 8; // RFC 1812 section 4.3.2.3: 576 bytes with the headers of the error

constexpr Ipv4 answer_from_vip{.source = vip, .destination = client, .id = 0};

Frame icmp_error(const Packet& about, std::uint8_t type, std::uint8_t code, std::uint16_t mtu = 0) {
    return to_client() / answer_from_vip / Icmp{.type = type, .code = code, .second = mtu} / quote(about, most_quoted);
}

Config without_backends(OnFailure on_failure = OnFailure::reset) {
    Config config = basic_config();
    for (Service& service : config.services) {
        service.backends.clear();
        service.on_failure = on_failure;
    }
    return config;
}

} // namespace

TEST_CASE("ARP is answered for the VIP and the Proxy IP", "[answer]") {
    const Rig rig;
    for (const Ip asked : {vip, proxy}) {
        const Outcome out =
            rig.from_client(Ethernet{.destination = broadcast_mac} / Arp{.target = asked} / Padding{18});
        REQUIRE(out.verdict == Verdict::redirect);
        CHECK(out.frame == Frame(to_client() /
                                 Arp{.operation = 2,
                                     .sender_mac = front_mac,
                                     .sender = asked,
                                     .target_mac = client_mac,
                                     .target = client} /
                                 Padding{18}));
    }
    CHECK(rig.count(abi::ABI_ANSWERED_ARP) == 2);
}

TEST_CASE("ARP is answered with the MAC of the interface that was asked on", "[answer]") {
    const Rig rig;
    const Outcome out = rig.from_backend(Ethernet{.destination = broadcast_mac, .source = backend_mac} /
                                         Arp{.sender_mac = backend_mac, .sender = backend, .target = proxy});
    CHECK(out.frame == Frame(Ethernet{.destination = backend_mac, .source = back_mac} / Arp{.operation = 2,
                                                                                            .sender_mac = back_mac,
                                                                                            .sender = proxy,
                                                                                            .target_mac = backend_mac,
                                                                                            .target = backend}));
}

TEST_CASE("ARP is left alone where it is not ours to answer", "[answer]") {
    Rig rig;
    const auto silent = [&](const Arp& arp) {
        const Frame frame = Ethernet{.destination = broadcast_mac} / arp;
        const Outcome out = rig.from_client(frame);
        CHECK(out.verdict == Verdict::pass);
        CHECK(out.frame == frame);
    };
    SECTION("another address") {
        silent({.target = stranger});
    }
    SECTION("a reply") {
        silent({.operation = 2});
    }
    SECTION("asked of another MAC") {
        const Frame frame = Ethernet{.destination = stranger_mac} / Arp{};
        const Outcome out = rig.from_client(frame);
        CHECK(out.verdict == Verdict::pass);
        CHECK(out.frame == frame);
    }
    SECTION("a neighbour has the address") {
        rig.local(vip, {.vip = true, .answer = false});
        silent({});
    }
    SECTION("it is on-link on another interface") {
        rig.local(vip, {.vip = true, .answer = true, .only_link = rig.back});
        silent({});
    }
    SECTION("the host has it") {
        rig.local(vip, {.vip = true, .host = true, .answer = true});
        silent({});
    }
    CHECK(rig.count(abi::ABI_ANSWERED_ARP) == 0);
}

TEST_CASE("ping of the VIP and the Proxy IP is answered", "[answer]") {
    const Rig rig;
    for (const Ip asked : {vip, proxy}) {
        const Payload data(33);
        const Outcome out = rig.from_client(Ethernet{} / Ipv4{.destination = asked, .ttl = 3} /
                                            Icmp{.first = 0xabcd, .second = 7} / data);
        REQUIRE(out.verdict == Verdict::redirect);
        CHECK(out.frame == Frame(to_client() / Ipv4{.source = asked, .destination = client} /
                                 Icmp{.type = 0, .first = 0xabcd, .second = 7} / data));
    }
    CHECK(rig.count(abi::ABI_ANSWERED_ECHO) == 2);
}

TEST_CASE("without a backend a SYN is answered with a RST (RFC 9293 section 3.10.7.1)", "[answer]") {
    const Rig rig(without_backends());
    const Outcome out = rig.from_client(Ethernet{} / Ipv4{} /
                                        Tcp{.seq = 0xfffffff0, .flags = Syn, .options = {2, 4, 5, 0xb4}} / Payload{32});
    REQUIRE(out.verdict == Verdict::redirect);
    // The ACK counts the SYN and its data, and wraps around.
    CHECK(
        out.frame ==
        Frame(
            to_client() / answer_from_vip /
            Tcp{.source = web_port, .destination = client_port, .seq = 0, .ack = 17, .flags = Rst | Ack, .window = 0}));
    CHECK(rig.count(abi::ABI_NO_BACKEND) == 1);
    CHECK(rig.count(abi::ABI_ANSWERED_RST) == 1);
    CHECK(rig.connections().empty());
}

TEST_CASE("a segment of no connection is answered with a RST at its acknowledgment", "[answer]") {
    const Rig rig;
    const Outcome out =
        rig.from_client(Ethernet{} / Ipv4{} / Tcp{.seq = 77, .ack = 4711, .flags = Ack | Fin} / Payload{3});
    REQUIRE(out.verdict == Verdict::redirect);
    CHECK(out.frame ==
          Frame(to_client() / answer_from_vip /
                Tcp{.source = web_port, .destination = client_port, .seq = 4711, .ack = 0, .flags = Rst, .window = 0}));
    CHECK(rig.count(abi::ABI_NO_CONNECTION) == 1);
}

TEST_CASE("a FIN without ACK counts for one in the RST", "[answer]") {
    const Rig rig;
    const Outcome out = rig.from_client(Ethernet{} / Ipv4{} / Tcp{.seq = 77, .flags = Fin} / Payload{3});
    CHECK(
        out.frame ==
        Frame(
            to_client() / answer_from_vip /
            Tcp{.source = web_port, .destination = client_port, .seq = 0, .ack = 81, .flags = Rst | Ack, .window = 0}));
}

TEST_CASE("a RST is never answered with a RST", "[answer]") {
    const Rig rig;
    CHECK(rig.say(client_port, Rst) == Verdict::drop);
    CHECK(rig.count(abi::ABI_NO_CONNECTION) == 1);
    CHECK(rig.count(abi::ABI_ANSWERED_RST) == 0);
}

TEST_CASE("without a backend UDP is answered with port unreachable", "[answer]") {
    const Rig rig(without_backends());
    const Packet question = Ethernet{} / Ipv4{} / Udp{} / Payload{"who is there?"};
    const Outcome out = rig.from_client(question);
    REQUIRE(out.verdict == Verdict::redirect);
    CHECK(out.frame == icmp_error(question, 3, 3));
    CHECK(rig.count(abi::ABI_NO_BACKEND) == 1);
    CHECK(rig.count(abi::ABI_ANSWERED_ICMP) == 1);
}

TEST_CASE("an ICMP error quotes the packet whole up to 576 bytes in all, without the frame's padding", "[answer]") {
    const Rig rig(without_backends());
    const auto answered = [&](std::size_t size, std::size_t padding = 0) {
        INFO("UDP with " << size << " bytes of data, " << padding << " of padding");
        const Packet question = Ethernet{} / Ipv4{} / Udp{} / Payload{size} / Padding{padding};
        const Outcome out = rig.from_client(question);
        CHECK(out.frame == icmp_error(question, 3, 3));
        return out.frame.bytes.size() - 14;
    };
    CHECK(answered(0, 18) == 56);
    CHECK(answered(1, 17) == 57);
    CHECK(answered(519) == 575);
    CHECK(answered(520) == 576);
    CHECK(answered(521) == 576);
    CHECK(answered(1472) == 576);
}

TEST_CASE("on_failure = drop is silent", "[answer]") {
    const Rig rig(without_backends(OnFailure::drop));
    CHECK(rig.say(client_port, Syn) == Verdict::drop);
    CHECK(rig.from_client(Ethernet{} / Ipv4{} / Udp{} / Payload{8}).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_NO_BACKEND) == 2);
    CHECK(rig.count(abi::ABI_ANSWERED_RST) == 0);
    CHECK(rig.count(abi::ABI_ANSWERED_ICMP) == 0);
}

TEST_CASE("a TTL that ends here is answered as it came", "[answer]") {
    const Rig rig;
    const auto port = rig.establish();
    const Packet last = Ethernet{} / Ipv4{.ttl = 1} / Tcp{} / Payload{100};
    CHECK(rig.from_client(last).frame == icmp_error(last, 11, 0));
    const Packet first = Ethernet{} / Ipv4{.ttl = 0} / Tcp{.source = 50000, .flags = Syn};
    CHECK(rig.from_client(first).frame == icmp_error(first, 11, 0));

    const Packet reply = from_backend() / reply_ip({.ttl = 1}) / Tcp{.source = backend_port, .destination = port};
    CHECK(rig.from_backend(reply).frame ==
          Frame(Ethernet{.destination = backend_mac, .source = back_mac} /
                Ipv4{.source = proxy, .destination = backend, .id = 0} / Icmp{.type = 11} / quote(reply)));
    CHECK(rig.count(abi::ABI_TTL_EXPIRED) == 3);
    CHECK(rig.connections().size() == 1);
    CHECK(rig.connection_of(client_port)->in.packets == 2); // what was not forwarded is not the connection's
}

TEST_CASE("what is larger than the MTU of its way out is told so, with that MTU (RFC 1191)", "[answer]") {
    Rig rig;
    rig.establish();
    rig.mtu(rig.back, 1400);
    const Packet large = Ethernet{} / Ipv4{} / Tcp{} / Payload{1361};
    CHECK(rig.from_client(large).frame == icmp_error(large, 3, 4, 1400));
    CHECK(rig.count(abi::ABI_TOO_BIG) == 1);
    CHECK(rig.from_client(Ethernet{} / Ipv4{} / Tcp{} / Payload{1360} / Padding{20}).verdict == Verdict::redirect);
}

TEST_CASE("without a next hop the sender is told host unreachable, and no connection is made", "[answer]") {
    Rig rig;
    rig.paths({});
    const Packet syn = Ethernet{} / Ipv4{} / Tcp{.flags = Syn};
    CHECK(rig.from_client(syn).frame == icmp_error(syn, 3, 1));
    CHECK(rig.connections().empty());

    rig.paths(rig.path());
    CHECK(rig.from_client(syn).verdict == Verdict::redirect);
    CHECK(rig.connections().size() == 1);

    rig.paths({});
    const Packet next = Ethernet{} / Ipv4{} / Tcp{} / Payload{3};
    CHECK(rig.from_client(next).frame == icmp_error(next, 3, 1));
    CHECK(rig.count(abi::ABI_NO_NEXT_HOP) == 2);
    CHECK(rig.connection_of(client_port)->in.packets == 1);
}

TEST_CASE("ICMP errors are limited in rate", "[answer]") {
    const Rig rig(without_backends());
    const Frame question = Ethernet{} / Ipv4{} / Udp{} / Payload{8};
    constexpr int sent = 400; // within three ticks for certain
    for (int i = 0; i < sent; ++i) {
        (void)rig.from_client(question);
    }
    const auto answered = rig.count(abi::ABI_ANSWERED_ICMP);
    CHECK(answered >= 128);
    CHECK(answered < sent);
    CHECK(answered + rig.count(abi::ABI_ICMP_SUPPRESSED) == sent);
    CHECK(rig.count(abi::ABI_NO_BACKEND) == sent);
}

TEST_CASE("what has IP options is refused as any other, and quoted with them", "[answer]") {
    const Rig rig(without_backends());
    const Ipv4 with_options{.options = {1, 1, 1, 0}};
    const Packet question = Ethernet{} / with_options / Udp{} / Payload{8};
    CHECK(rig.from_client(question).frame == icmp_error(question, 3, 3));
    CHECK(
        rig.from_client(Ethernet{} / with_options / Tcp{.seq = 41, .flags = Syn}).frame ==
        Frame(
            to_client() / answer_from_vip /
            Tcp{.source = web_port, .destination = client_port, .seq = 0, .ack = 42, .flags = Rst | Ack, .window = 0}));
    CHECK(rig.count(abi::ABI_NO_BACKEND) == 2);
    CHECK(rig.count(abi::ABI_ANSWERED_ICMP) == 1);
    CHECK(rig.count(abi::ABI_ANSWERED_RST) == 1);
}

} // namespace proxip::packet
