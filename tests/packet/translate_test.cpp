#include <catch2/catch.hpp>

#include "packet/rig.hpp"

namespace proxip::packet {

TEST_CASE("a SYN to the VIP goes to the backend, from the Proxy IP", "[translate]") {
    const Rig rig;
    const Outcome out = rig.from_client(Ethernet{} / Ipv4{} / Tcp{.flags = Syn, .options = {2, 4, 5, 0xb4}});
    REQUIRE(out.verdict == Verdict::redirect);
    const auto connection = rig.connection_of(client_port);
    REQUIRE(connection.has_value());
    REQUIRE(connection->proxy.has_value());
    CHECK(out.frame == Frame(to_backend() / translated() /
                             Tcp{.source = connection->proxy->port,
                                 .destination = backend_port,
                                 .flags = Syn,
                                 .options = {2, 4, 5, 0xb4}}));
    CHECK(connection->state == abi::ABI_SYN);
    CHECK(connection->reason == abi::ABI_SNAT_ALWAYS);
    CHECK(connection->backend == SocketAddress{.address = address(backend), .port = backend_port});
    CHECK(connection->vip == SocketAddress{.address = address(vip), .port = web_port});
    CHECK(connection->proxy->address == address(proxy));
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("the backend's answer goes to the client, from the VIP", "[translate]") {
    const Rig rig;
    const auto port = rig.open();
    const Outcome out =
        rig.from_backend(from_backend() / reply_ip() /
                         Tcp{.source = backend_port, .destination = port, .seq = 5, .ack = 1001, .flags = Syn | Ack});
    REQUIRE(out.verdict == Verdict::redirect);
    CHECK(out.frame ==
          Frame(to_client() / reply_translated() /
                Tcp{.source = web_port, .destination = client_port, .seq = 5, .ack = 1001, .flags = Syn | Ack}));
}

TEST_CASE("payloads of even and odd length keep their checksum", "[translate]") {
    const Rig rig;
    const auto port = rig.open();
    const auto udp_port = rig.open_udp();
    for (const std::size_t size : {0U, 1U, 2U, 3U, 255U, 512U, 1001U, 1460U}) {
        INFO("payload of " << size << " bytes");
        const Payload payload(size);
        CHECK(rig.from_client(Ethernet{} / Ipv4{} / Tcp{.flags = Psh | Ack} / payload).frame ==
              Frame(to_backend() / translated() / Tcp{.source = port, .destination = backend_port, .flags = Psh | Ack} /
                    payload));
        CHECK(rig.from_backend(from_backend() / reply_ip() / Tcp{.source = backend_port, .destination = port} / payload)
                  .frame ==
              Frame(to_client() / reply_translated() / Tcp{.source = web_port, .destination = client_port} / payload));
        CHECK(rig.from_client(Ethernet{} / Ipv4{} / Udp{} / payload).frame ==
              Frame(to_backend() / translated() / Udp{.source = udp_port, .destination = backend_dns_port} / payload));
        CHECK(rig.from_backend(from_backend() / reply_ip() / Udp{.source = backend_dns_port, .destination = udp_port} /
                               payload)
                  .frame ==
              Frame(to_client() / reply_translated() / Udp{.source = dns_port, .destination = client_port} / payload));
    }
}

TEST_CASE("a UDP checksum of zero stays zero (RFC 768)", "[translate]") {
    const Rig rig;
    const auto port = rig.open_udp();
    CHECK(rig.from_client(Ethernet{} / Ipv4{} / Udp{.checksum = 0} / Payload{"question"}).frame ==
          Frame(to_backend() / translated() / Udp{.source = port, .destination = backend_dns_port, .checksum = 0} /
                Payload{"question"}));
    CHECK(rig.from_backend(from_backend() / reply_ip() /
                           Udp{.source = backend_dns_port, .destination = port, .checksum = 0})
              .frame ==
          Frame(to_client() / reply_translated() / Udp{.source = dns_port, .destination = client_port, .checksum = 0}));
}

TEST_CASE("a UDP checksum that comes out as zero is sent as 0xffff", "[translate]") {
    const Rig rig;
    const auto port = rig.open_udp();
    // The two bytes that make the sum of everything else complete.
    const auto without = Ethernet{} / translated() /
                         Udp{.source = port, .destination = backend_dns_port, .checksum = 0} / Payload{Bytes{0, 0}};
    const Bytes ip = without.ip_packet();
    const Bytes l4(ip.begin() + 20, ip.end());
    const auto rest = static_cast<std::uint16_t>(~folded_sum(l4, pseudo_sum(proxy, backend, 17, l4.size())));
    const Payload payload(Bytes{static_cast<std::uint8_t>(rest >> 8), static_cast<std::uint8_t>(rest & 0xff)});
    CHECK(rig.from_client(Ethernet{} / Ipv4{} / Udp{} / payload).frame ==
          Frame(to_backend() / translated() / Udp{.source = port, .destination = backend_dns_port, .checksum = 0xffff} /
                payload));
}

TEST_CASE("IP options, TOS, identification and padding go through untouched", "[translate]") {
    const Rig rig;
    const auto port = rig.open();
    const Bytes router_alert = {0x94, 0x04, 0x00, 0x00};
    const Ipv4 ip{.ttl = 2, .tos = 0x2e, .id = 0xbeef, .options = router_alert};
    CHECK(rig.from_client(Ethernet{} / ip / Tcp{} / Payload{"x"} / Padding{5}).frame ==
          Frame(to_backend() / translated(ip) / Tcp{.source = port, .destination = backend_port} / Payload{"x"} /
                Padding{5}));
    CHECK(
        rig.from_backend(from_backend() / reply_ip(ip) / Tcp{.source = backend_port, .destination = port} / Padding{6})
            .frame ==
        Frame(to_client() / reply_translated(ip) / Tcp{.source = web_port, .destination = client_port} / Padding{6}));
}

TEST_CASE("the answer follows the client to another MAC", "[translate]") {
    const Rig rig;
    const auto port = rig.establish();
    (void)rig.from_client(Ethernet{.source = stranger_mac} / Ipv4{} / Tcp{});
    const Outcome out =
        rig.from_backend(from_backend() / reply_ip() / Tcp{.source = backend_port, .destination = port});
    CHECK(out.frame == Frame(Ethernet{.destination = stranger_mac, .source = front_mac} / reply_translated() /
                             Tcp{.source = web_port, .destination = client_port}));
}

TEST_CASE("each direction is counted, by IP packet", "[translate]") {
    const Rig rig;
    const auto port = rig.open();
    rig.reply(port, Syn | Ack);
    (void)rig.from_client(Ethernet{} / Ipv4{} / Tcp{} / Payload{100} / Padding{9});
    const auto connection = rig.connection_of(client_port).value();
    CHECK(connection.in.packets == 2);
    CHECK(connection.in.bytes == 40 + 140);
    CHECK(connection.out.packets == 1);
    CHECK(connection.out.bytes == 40);
    const auto counts = rig.plane().counts(connection.binding);
    CHECK(counts.live == 1);
    CHECK(counts.opened == 1);
    CHECK(counts.in.bytes == 180);
    CHECK(counts.out.bytes == 40);
}

} // namespace proxip::packet
