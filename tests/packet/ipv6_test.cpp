#include <catch2/catch.hpp>

#include "packet/rig.hpp"

// What differs from IPv4: its header, and what may stand between it and L4.

namespace proxip::packet {

namespace {

struct Rig6 : Rig {
    explicit Rig6(const Config& config = ipv6_config()) : Rig(config) {}

    [[nodiscard]] std::uint16_t open_tcp6() const { return open(Ethernet{} / Ipv6{} / Tcp{.flags = Syn}); }
    [[nodiscard]] std::uint16_t open_udp6() const { return open(Ethernet{} / Ipv6{} / Udp{} / Payload{"?"}); }
};

constexpr std::size_t most_walked = 6; // EXTENSION_HEADERS in bpf/packet.h

} // namespace

TEST_CASE("IPv6: a SYN to the VIP goes to the backend, from the Proxy IP", "[ipv6]") {
    const Rig6 rig;
    const Ipv6 ip{.hop_limit = 2, .traffic_class = 0x2e, .flow_label = 0xabcde};
    const Outcome out = rig.from_client(Ethernet{} / ip / Tcp{.flags = Syn, .options = {2, 4, 5, 0xb4}} / Padding{3});
    REQUIRE(out.verdict == Verdict::redirect);
    const auto connection = rig.connection_of({.address = address(client6), .port = client_port}).value();
    CHECK(connection.backend == SocketAddress{.address = address(backend6), .port = backend_port});
    CHECK(connection.vip == SocketAddress{.address = address(vip6), .port = web_port});
    CHECK(connection.proxy->address == address(proxy6));
    CHECK(out.frame == Frame(to_backend() / translated(ip) /
                             Tcp{.source = connection.proxy->port,
                                 .destination = backend_port,
                                 .flags = Syn,
                                 .options = {2, 4, 5, 0xb4}} /
                             Padding{3}));
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("IPv6: payloads of even and odd length keep their checksum, both ways", "[ipv6]") {
    const Rig6 rig;
    const auto port = rig.open_tcp6();
    const auto udp_port = rig.open_udp6();
    for (const std::size_t size : {0U, 1U, 2U, 3U, 255U, 512U, 1001U, 1440U}) {
        INFO("payload of " << size << " bytes");
        const Payload payload(size);
        CHECK(rig.from_client(Ethernet{} / Ipv6{} / Tcp{.flags = Psh | Ack} / payload).frame ==
              Frame(to_backend() / translated(Ipv6{}) /
                    Tcp{.source = port, .destination = backend_port, .flags = Psh | Ack} / payload));
        CHECK(rig.from_backend(from_backend() / reply_ip(Ipv6{}) / Tcp{.source = backend_port, .destination = port} /
                               payload)
                  .frame == Frame(to_client() / reply_translated(Ipv6{}) /
                                  Tcp{.source = web_port, .destination = client_port} / payload));
        CHECK(rig.from_client(Ethernet{} / Ipv6{} / Udp{} / payload).frame ==
              Frame(to_backend() / translated(Ipv6{}) / Udp{.source = udp_port, .destination = backend_dns_port} /
                    payload));
        CHECK(rig.from_backend(from_backend() / reply_ip(Ipv6{}) /
                               Udp{.source = backend_dns_port, .destination = udp_port} / payload)
                  .frame == Frame(to_client() / reply_translated(Ipv6{}) /
                                  Udp{.source = dns_port, .destination = client_port} / payload));
    }
}

TEST_CASE("IPv6: each direction is counted, by IP packet", "[ipv6]") {
    const Rig6 rig;
    const auto port = rig.open_tcp6();
    (void)rig.from_backend(from_backend() / reply_ip(Ipv6{}) / Tcp{.source = backend_port, .destination = port} /
                           Payload{100} / Padding{9});
    const auto connection = rig.connection_of({.address = address(client6), .port = client_port}).value();
    CHECK(connection.in.bytes == 60);
    CHECK(connection.out.packets == 1);
    CHECK(connection.out.bytes == 160);
}

TEST_CASE("IPv6: a checksum that a local sender left unfinished is finished", "[ipv6]") {
    const Rig6 rig;
    rig.flags(rig.front, abi::ABI_IFACE_PARTIAL, 0);
    const auto port = rig.open_tcp6();
    const auto udp_port = rig.open_udp6();
    for (const std::size_t size : {0U, 1U, 511U, 1440U}) {
        INFO("payload of " << size << " bytes");
        CHECK(rig.from_client(Ethernet{} / Ipv6{} / Tcp{.checksum = pseudo_sum(client6, vip6, 6, 20 + size)} /
                              Payload{size})
                  .frame == Frame(to_backend() / translated(Ipv6{}) / Tcp{.source = port, .destination = backend_port} /
                                  Payload{size}));
        CHECK(rig.from_client(Ethernet{} / Ipv6{} / destination_options() /
                              Udp{.checksum = pseudo_sum(client6, vip6, 17, 8 + size)} / Payload{size})
                  .frame == Frame(to_backend() / translated(Ipv6{}) / destination_options() /
                                  Udp{.source = udp_port, .destination = backend_dns_port} / Payload{size}));
    }
}

TEST_CASE("IPv6: snat = never translates the destination alone", "[ipv6]") {
    Config config = ipv6_config();
    config.services[0].snat = Snat::never;
    const Rig6 rig(config);
    CHECK(rig.from_client(Ethernet{} / Ipv6{} / Tcp{.flags = Syn}).frame ==
          Frame(to_backend() / Ipv6{.destination = backend6, .hop_limit = 63} /
                Tcp{.destination = backend_port, .flags = Syn}));
    CHECK(rig.from_backend(from_backend() / Ipv6{.source = backend6, .destination = client6} /
                           Tcp{.source = backend_port, .destination = client_port, .flags = Syn | Ack})
              .frame == Frame(to_client() / reply_translated(Ipv6{}) /
                              Tcp{.source = web_port, .destination = client_port, .flags = Syn | Ack}));
}

TEST_CASE("IPv4 and IPv6 addresses that look alike are not one", "[ipv6]") {
    // An IPv6 address whose first four bytes are the IPv4 VIP's, and the others zero, as in the tables.
    const Rig rig;
    const Frame frame = Ethernet{} / Ipv6{.destination = {192, 0, 2, 80}} / Tcp{.flags = Syn};
    const Outcome out = rig.from_client(frame);
    CHECK(out.verdict == Verdict::pass);
    CHECK(out.frame == frame);
}

TEST_CASE("IPv6: without metadata the clsact program translates as XDP does", "[ipv6]") {
    const Rig6 rig;
    rig.flags(rig.front, abi::ABI_IFACE_NO_METADATA, 0);
    rig.flags(rig.back, abi::ABI_IFACE_NO_METADATA, abi::ABI_IFACE_REDIRECT_OUT);
    const Frame syn = Ethernet{} / Ipv6{} / Tcp{.flags = Syn};
    CHECK(rig.from_client(syn).verdict == Verdict::pass);
    const auto port = rig.connection_of({.address = address(client6), .port = client_port}).value().proxy.value().port;
    for (const std::size_t size : {0U, 1U, 333U}) {
        INFO("payload of " << size << " bytes");
        const auto out =
            run_skb(rig.program("proxip_tc"), rig.front, Ethernet{} / Ipv6{} / hop_by_hop() / Tcp{} / Payload{size});
        CHECK(out.frame == Frame(to_backend() / translated(Ipv6{}) / hop_by_hop() /
                                 Tcp{.source = port, .destination = backend_port} / Payload{size}));
        const auto back = run_skb(rig.program("proxip_tc"), rig.back,
                                  from_backend() / reply_ip(Ipv6{}) / Tcp{.source = backend_port, .destination = port} /
                                      Payload{size});
        CHECK(back.frame == Frame(to_client() / reply_translated(Ipv6{}) /
                                  Tcp{.source = web_port, .destination = client_port} / Payload{size}));
    }
}

TEST_CASE("extension headers are walked over and go through untouched", "[ipv6]") {
    const Rig6 rig;
    const auto port = rig.open_tcp6();
    const auto goes_through = [&](auto... headers) {
        CHECK(rig.from_client((Ethernet{} / Ipv6{} / ... / headers) / Tcp{} / Payload{5}).frame ==
              Frame((to_backend() / translated(Ipv6{}) / ... / headers) /
                    Tcp{.source = port, .destination = backend_port} / Payload{5}));
        CHECK(rig.from_backend((from_backend() / reply_ip(Ipv6{}) / ... / headers) /
                               Tcp{.source = backend_port, .destination = port} / Payload{4})
                  .frame == Frame((to_client() / reply_translated(Ipv6{}) / ... / headers) /
                                  Tcp{.source = web_port, .destination = client_port} / Payload{4}));
    };
    SECTION("hop-by-hop options") {
        goes_through(hop_by_hop());
    }
    SECTION("destination options of several units") {
        goes_through(destination_options(40));
    }
    SECTION("a routing header that has done its work") {
        goes_through(routing(0));
    }
    SECTION("an atomic fragment (RFC 6946)") {
        goes_through(fragment_header(0xcafe));
    }
    SECTION("all of them") {
        goes_through(hop_by_hop(), destination_options(16), routing(0), fragment_header(1), destination_options());
    }
    SECTION("as many as are walked over") {
        goes_through(hop_by_hop(), destination_options(), destination_options(), destination_options(),
                     destination_options(), destination_options());
    }
    SECTION("as long as is walked over") { // 511 bytes, the fixed header among them
        goes_through(destination_options(464));
    }
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("a connection begins behind extension headers as well", "[ipv6]") {
    const Rig6 rig;
    CHECK(rig.from_client(Ethernet{} / Ipv6{} / hop_by_hop() / destination_options() / Tcp{.flags = Syn}).verdict ==
          Verdict::redirect);
    CHECK(rig.connections().size() == 1);
}

TEST_CASE("extension headers that are not walked over are dropped by name", "[ipv6]") {
    const Rig6 rig;
    (void)rig.open_tcp6();
    const auto refused = [&](const Packet& packet) {
        CHECK(rig.from_client(packet).verdict == Verdict::drop);
        CHECK(rig.count(abi::ABI_EXTENSION) == 1);
        CHECK(rig.all_drops() == 1);
    };
    SECTION("a routing header with segments left") {
        refused(Ethernet{} / Ipv6{} / routing(1) / Tcp{});
    }
    SECTION("too many") {
        Packet packet = Ethernet{} / Ipv6{};
        for (std::size_t i = 0; i <= most_walked; ++i) {
            packet = packet / destination_options();
        }
        refused(packet / Tcp{});
    }
    SECTION("too long") {
        refused(Ethernet{} / Ipv6{} / destination_options(472) / Tcp{});
    }
}

TEST_CASE("extension headers to others are no affair of ours", "[ipv6]") {
    const Rig6 rig;
    const Frame frame = Ethernet{} / Ipv6{.destination = stranger6} / routing(1) / Tcp{};
    const Outcome out = rig.from_client(frame);
    CHECK(out.verdict == Verdict::pass);
    CHECK(out.frame == frame);
    CHECK(rig.count(abi::ABI_PASSED) == 1);
}

TEST_CASE("IPv6: malformed and short packets to us do no harm", "[ipv6]") {
    const Rig6 rig;
    const auto dropped = [&](const Frame& frame, abi::abi_reason reason = abi::ABI_BAD_HEADER) {
        CHECK(rig.from_client(frame).verdict == Verdict::drop);
        CHECK(rig.count(reason) == 1);
        CHECK(rig.all_drops() == 1);
    };
    SECTION("IP version") {
        dropped(Ethernet{} / Ipv6{.version = 4} / Tcp{});
    }
    SECTION("longer than the frame") {
        dropped(Ethernet{} / Ipv6{.payload_length = 21} / Tcp{});
    }
    SECTION("TCP cut off") {
        dropped(Ethernet{} / Ipv6{.payload_length = 19} / Tcp{});
    }
    SECTION("a jumbogram (RFC 2675)") {
        dropped(Ethernet{} / Ipv6{.payload_length = 0} / hop_by_hop() / Tcp{});
    }
    SECTION("UDP longer than the packet") {
        dropped(Ethernet{} / Ipv6{} / Udp{.length = 9});
    }
    SECTION("an extension header cut off") {
        dropped(Ethernet{} / Ipv6{.next_header = 60} / Payload{7});
    }
    SECTION("no next header") {
        dropped(Ethernet{} / Ipv6{.next_header = 59}, abi::ABI_PROTOCOL);
    }
    SECTION("ICMPv6 in an IPv4 packet") {
        dropped(Ethernet{} / Ipv4{.protocol = 58} / Icmp{.type = 128}, abi::ABI_PROTOCOL);
    }
    SECTION("ICMP in an IPv6 packet") {
        dropped(Ethernet{} / Ipv6{.next_header = 1} / Icmp{}, abi::ABI_PROTOCOL);
    }
    CHECK(rig.connections().empty());
}

TEST_CASE("IPv6 to groups passes, byte for byte", "[ipv6]") {
    const Rig6 rig;
    const Mac group = {0x33, 0x33, 0, 0, 0, 1};
    const Ip6 all_nodes = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const auto passes_by = [&](const Frame& frame) {
        const Outcome out = rig.from_client(frame);
        CHECK(out.verdict == Verdict::pass);
        CHECK(out.frame == frame);
        CHECK(rig.count(abi::ABI_PASSED) == 1);
        CHECK(rig.all_drops() == 0);
    };
    SECTION("UDP to all nodes") {
        passes_by(Ethernet{.destination = group} / Ipv6{.destination = all_nodes} / Udp{});
    }
    SECTION("TCP to the VIP, in a frame to a group") {
        passes_by(Ethernet{.destination = group} / Ipv6{} / Tcp{.flags = Syn});
    }
    SECTION("a router advertisement") {
        passes_by(Ethernet{.destination = group} / Ipv6{.destination = all_nodes, .hop_limit = 255} /
                  Icmp{.type = 134} / Payload{8});
    }
    SECTION("multicast listener discovery, behind a router alert") {
        passes_by(Ethernet{.destination = group} / Ipv6{.destination = all_nodes, .hop_limit = 1} / hop_by_hop() /
                  Icmp{.type = 130} / Payload{20});
    }
    SECTION("ping of all nodes") {
        passes_by(Ethernet{.destination = group} / Ipv6{.destination = all_nodes} / Icmp{.type = 128});
    }
    SECTION("an ICMP error to a group") {
        passes_by(Ethernet{.destination = group} / Ipv6{.destination = all_nodes} / Icmp{.type = 1} /
                  quote(Ethernet{} / translated(Ipv6{}) / Tcp{}));
    }
}

} // namespace proxip::packet
