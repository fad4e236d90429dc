#include <catch2/catch.hpp>

#include <chrono>
#include <thread>

#include <bpf/bpf.h>

#include "packet/families.hpp"

// ICMP errors about packets of connections, on their way to whoever sent those (RFC 5508 section 4).

namespace proxip::packet {

namespace {

std::vector<Bytes> all_slots(const Rig& rig) {
    std::vector<Bytes> out(table_size, Bytes(sizeof(abi::abi_slot)));
    for (std::uint32_t slot = 0; slot < table_size; ++slot) {
        REQUIRE(bpf_map_lookup_elem(rig.map("slot"), &slot, out[slot].data()) == 0);
    }
    return out;
}

} // namespace

TEMPLATE_TEST_CASE("what the backend's side says about a packet reaches the client, from the VIP", "[icmp]", Ipv4,
                   Ipv6) {
    const TcpOpen<TestType> rig;
    const auto udp_port = rig.open(Ethernet{} / TestType{} / Udp{} / Payload{"?"});
    const Packet udp_got =
        Ethernet{} / translated(TestType{}) / Udp{.source = udp_port, .destination = backend_dns_port} / Payload{21};
    const Packet udp_sent = Ethernet{} / one_hop_less(TestType{}) / Udp{} / Payload{21};
    std::uint64_t told = 0;
    for (const Icmp& what : {port_unreachable<TestType>(), too_big<TestType>(1400), hops_ended<TestType>()}) {
        TestType from_router = reply_ip(TestType{});
        from_router.source = router<TestType>();
        for (const TestType& outer : {reply_ip(TestType{}), from_router}) {
            const Outcome out = rig.from_backend(from_backend() / outer / what / quote(rig.backend_got()));
            REQUIRE(out.verdict == Verdict::redirect);
            CHECK(out.frame == Frame(to_client() / reply_translated(TestType{}) / what / quote(rig.client_sent())));
            CHECK(rig.from_backend(from_backend() / outer / what / quote(udp_got)).frame ==
                  Frame(to_client() / reply_translated(TestType{}) / what / quote(udp_sent)));
            told += 2;
            CHECK(rig.count(abi::ABI_ICMP_TRANSLATED) == told);
        }
    }
    CHECK(rig.all_drops() == 0);
}

TEMPLATE_TEST_CASE("what the client's side says about an answer reaches the backend, from the Proxy IP", "[icmp]", Ipv4,
                   Ipv6) {
    const TcpOpen<TestType> rig;
    TestType from_router;
    from_router.source = router<TestType>();
    for (const Icmp& what : {port_unreachable<TestType>(), too_big<TestType>(1400), hops_ended<TestType>()}) {
        for (const TestType& outer : {TestType{}, from_router}) {
            const Outcome out = rig.from_client(Ethernet{} / outer / what / quote(rig.client_got()));
            REQUIRE(out.verdict == Verdict::redirect);
            CHECK(out.frame == Frame(to_backend() / translated(TestType{}) / what / quote(rig.backend_sent())));
        }
    }
    CHECK(rig.count(abi::ABI_ICMP_TRANSLATED) == 6);
    CHECK(rig.all_drops() == 0);
}

TEMPLATE_TEST_CASE("snat = never: errors are translated as their connection is, and who speaks to the backend stays",
                   "[icmp]", Ipv4, Ipv6) {
    Config config = config_of<TestType>();
    config.services[0].snat = Snat::never;
    const TcpOpen<TestType> rig(config);
    const Icmp what = port_unreachable<TestType>();
    const auto between = [](auto source, auto destination, auto hops) {
        TestType ip = hops;
        ip.source = source;
        ip.destination = destination;
        return ip;
    };
    const TestType here;
    const auto its_client = here.source;
    const auto its_backend = translated(TestType{}).destination;
    const auto one_less = one_hop_less(TestType{});

    // The client's packet went on with its source; the backend's answer goes back to it.
    const Packet got = Ethernet{} / between(its_client, its_backend, one_less) / Tcp{.destination = backend_port};
    const Packet sent = Ethernet{} / one_less / Tcp{};
    CHECK(rig.from_backend(from_backend() / between(its_backend, its_client, here) / what / quote(got)).frame ==
          Frame(to_client() / reply_translated(TestType{}) / what / quote(sent)));

    const Packet answer = Ethernet{} / between(its_backend, its_client, one_less) /
                          Tcp{.source = backend_port, .destination = client_port};
    const Packet answered =
        Ethernet{} / reply_translated(TestType{}) / Tcp{.source = web_port, .destination = client_port};
    for (const auto& speaker : {its_client, router<TestType>()}) {
        CHECK(rig.from_client(Ethernet{} / between(speaker, here.destination, here) / what / quote(answered)).frame ==
              Frame(to_backend() / between(speaker, its_backend, one_less) / what / quote(answer)));
    }
    CHECK(rig.all_drops() == 0);
}

TEMPLATE_TEST_CASE("a server that calls its own VIP hears of errors as any client", "[icmp]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    TestType calls;
    calls.source = translated(TestType{}).destination;
    const auto port = rig.from_backend(from_backend() / calls / Tcp{.flags = Syn}).verdict == Verdict::redirect
                          ? rig.connections().at(0).proxy.value().port
                          : std::uint16_t{0};
    const Packet got = Ethernet{} / translated(TestType{}) / Tcp{.source = port, .destination = backend_port};
    TestType told = reply_translated(TestType{});
    told.destination = calls.source;
    CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) / port_unreachable<TestType>() / quote(got)).frame ==
          Frame(to_backend() / told / port_unreachable<TestType>() / quote(Ethernet{} / one_hop_less(calls) / Tcp{})));
}

TEMPLATE_TEST_CASE("quotes may be cut off anywhere behind eight bytes of L4", "[icmp]", Ipv4, Ipv6) {
    const TcpOpen<TestType> rig;
    const Icmp what = too_big<TestType>(1400);
    constexpr std::size_t header = is_ipv6<TestType> ? 40 : 20;
    // TCP's checksum stands at 16 and 17; half of it could not be translated, and stays as it is.
    for (const std::size_t l4 : {8U, 9U, 16U, 18U, 20U, 21U, 49U, 50U}) {
        INFO(l4 << " bytes of L4");
        CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) / what / quote(rig.backend_got(), header + l4))
                  .frame ==
              Frame(to_client() / reply_translated(TestType{}) / what / quote(rig.client_sent(), header + l4)));
        CHECK(rig.from_client(Ethernet{} / TestType{} / what / quote(rig.client_got(), header + l4)).frame ==
              Frame(to_backend() / translated(TestType{}) / what / quote(rig.backend_sent(), header + l4)));
    }
    CHECK(rig.all_drops() == 0);
    CHECK(
        rig.from_backend(from_backend() / reply_ip(TestType{}) / what / quote(rig.backend_got(), header + 7)).verdict ==
        Verdict::drop);
    CHECK(rig.count(abi::ABI_ICMP_UNMATCHED) == 1);
}

TEMPLATE_TEST_CASE("what stands behind the IP packet in a frame is not taken for the quote", "[icmp]", Ipv4, Ipv6) {
    const TcpOpen<TestType> rig;
    const Icmp what = too_big<TestType>(1400);
    constexpr std::size_t header = is_ipv6<TestType> ? 40 : 20;
    CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) / what / quote(rig.backend_got(), header + 8) /
                           Padding{18})
              .frame == Frame(to_client() / reply_translated(TestType{}) / what / quote(rig.client_sent(), header + 8) /
                              Padding{18}));
    CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) / what / quote(rig.backend_got(), header + 4) /
                           Padding{18})
              .verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_ICMP_UNMATCHED) == 1);
}

TEMPLATE_TEST_CASE("a quoted UDP checksum of zero stays zero", "[icmp]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto port = rig.open(Ethernet{} / TestType{} / Udp{} / Payload{"?"});
    const Packet got = Ethernet{} / translated(TestType{}) /
                       Udp{.source = port, .destination = backend_dns_port, .checksum = 0} / Payload{9};
    const Packet sent = Ethernet{} / one_hop_less(TestType{}) / Udp{.checksum = 0} / Payload{9};
    const Icmp what = port_unreachable<TestType>();
    CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) / what / quote(got)).frame ==
          Frame(to_client() / reply_translated(TestType{}) / what / quote(sent)));
}

TEMPLATE_TEST_CASE("a quoted UDP checksum that comes out as zero is 0xffff, as it was sent", "[icmp]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto port = rig.open(Ethernet{} / TestType{} / Udp{} / Payload{"?"});
    // The two bytes that make the sum of everything else complete.
    const Bytes without = (Ethernet{} / TestType{} / Udp{} / Payload{Bytes{0, 0}}).ip_packet();
    const std::size_t check = without.size() - 4;
    const Payload payload(Bytes{without[check], without[check + 1]});
    const Packet sent = Ethernet{} / one_hop_less(TestType{}) / Udp{} / payload;
    REQUIRE(sent.ip_packet()[check] == 0xff);
    REQUIRE(sent.ip_packet()[check + 1] == 0xff);
    const Packet got =
        Ethernet{} / translated(TestType{}) / Udp{.source = port, .destination = backend_dns_port} / payload;
    const Icmp what = port_unreachable<TestType>();
    CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) / what / quote(got)).frame ==
          Frame(to_client() / reply_translated(TestType{}) / what / quote(sent)));
}

TEST_CASE("IP options go through, of the error and of what it quotes", "[icmp]") {
    const TcpOpen<Ipv4> rig;
    const Ipv4 outer{.options = {1, 1, 1, 0}};
    const Bytes record_route(40, 1);
    const Ipv4 inner{.options = record_route};
    const Packet got =
        Ethernet{} / translated(inner) / Tcp{.source = rig.port, .destination = backend_port} / Payload{30};
    const Packet sent = Ethernet{} / one_hop_less(inner) / Tcp{} / Payload{30};
    for (const std::size_t most : {60U + 8U, 110U}) {
        CHECK(rig.from_backend(from_backend() / reply_ip(outer) / Icmp{.type = 12} / quote(got, most)).frame ==
              Frame(to_client() / reply_translated(outer) / Icmp{.type = 12} / quote(sent, most)));
    }
}

TEST_CASE("extension headers go through, of the error and of what it quotes", "[icmp]") {
    const TcpOpen<Ipv6> rig;
    const Packet got = Ethernet{} / translated(Ipv6{}) / hop_by_hop() / fragment_header(7) /
                       Tcp{.source = rig.port, .destination = backend_port} / Payload{30};
    const Packet sent = Ethernet{} / one_hop_less(Ipv6{}) / hop_by_hop() / fragment_header(7) / Tcp{} / Payload{30};
    CHECK(rig.from_backend(from_backend() / reply_ip(Ipv6{}) / destination_options() / Icmp{.type = 4} / quote(got))
              .frame ==
          Frame(to_client() / reply_translated(Ipv6{}) / destination_options() / Icmp{.type = 4} / quote(sent)));
}

TEMPLATE_TEST_CASE("errors about the first piece of a datagram are translated, about others they cannot be", "[icmp]",
                   Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto port = rig.open(Ethernet{} / TestType{} / Udp{} / Payload{"?"});
    const auto got =
        cut(Ethernet{} / translated(TestType{}) / Udp{.source = port, .destination = backend_dns_port} / Payload{100},
            7, {64});
    const auto sent = cut(Ethernet{} / one_hop_less(TestType{}) / Udp{} / Payload{100}, 7, {64});
    const auto in_quotes = [](const Frame& frame) {
        return Payload(Bytes(frame.bytes.begin() + 14, frame.bytes.end()));
    };
    const Icmp what = is_ipv6<TestType> ? Icmp{.type = 3, .code = 1} : Icmp{.type = 11, .code = 1};
    CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) / what / in_quotes(got[0])).frame ==
          Frame(to_client() / reply_translated(TestType{}) / what / in_quotes(sent[0])));
    CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) / what / in_quotes(got[1])).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_ICMP_UNMATCHED) == 1);
}

TEMPLATE_TEST_CASE("an error changes nothing about its connection", "[icmp]", Ipv4, Ipv6) {
    const TcpOpen<TestType> rig;
    const auto before = all_slots(rig);
    std::this_thread::sleep_for(std::chrono::milliseconds(300)); // last_seen is in ticks of 134 ms
    CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) / port_unreachable<TestType>() /
                           quote(rig.backend_got()))
              .verdict == Verdict::redirect);
    CHECK(rig.from_client(Ethernet{.source = stranger_mac} / TestType{} / hops_ended<TestType>() /
                          quote(rig.client_got()))
              .verdict == Verdict::redirect);
    CHECK(all_slots(rig) == before);
    const auto connection = rig.connections().at(0);
    CHECK(rig.plane().counts(connection.binding).in.packets == 1);
    CHECK(rig.plane().counts(connection.binding).out.packets == 0);
}

TEMPLATE_TEST_CASE("an error that cannot be redirected is translated, and marked to leave by the other side", "[icmp]",
                   Ipv4, Ipv6) {
    const TcpOpen<TestType> rig;
    rig.flags(rig.front, 0, abi::ABI_IFACE_REDIRECT_OUT);
    const Icmp what = too_big<TestType>(1300);
    const Outcome out = rig.from_backend(from_backend() / reply_ip(TestType{}) / what / quote(rig.backend_got()));
    CHECK(out.verdict == Verdict::pass);
    CHECK(out.frame == Frame(to_client() / reply_translated(TestType{}) / what / quote(rig.client_sent())));
    REQUIRE(out.mark.has_value());
    CHECK(out.mark->kind == abi::ABI_MARK_READY);
    CHECK(out.mark->slot == rig.place_of(rig.front));
    CHECK(out.mark->magic == rig.magic());
    CHECK(rig.count(abi::ABI_PASSED) == 0);
}

} // namespace proxip::packet
