#include <catch2/catch.hpp>

#include "packet/families.hpp"

// Frames larger than a page: only the first piece of one is in a program's reach.

namespace proxip::packet {

namespace {

constexpr std::uint32_t jumbo_mtu = 9000;

template <typename Header>
struct Jumbo : Rig {
    Jumbo() : Rig(config_of<Header>()) {
        mtu(front, jumbo_mtu);
        mtu(back, jumbo_mtu);
    }
    static constexpr std::size_t most = jumbo_mtu - 20 - (is_ipv6<Header> ? 40 : 20); // bytes of data in TCP
};

} // namespace

TEMPLATE_TEST_CASE("jumbo frames are translated both ways", "[jumbo]", Ipv4, Ipv6) {
    const Jumbo<TestType> rig;
    const auto port = rig.open(Ethernet{} / TestType{} / Tcp{.flags = Syn});
    for (const std::size_t size : {std::size_t{3400}, std::size_t{3500}, std::size_t{4001}, rig.most}) {
        INFO("payload of " << size << " bytes");
        const Outcome out = rig.from_client(Ethernet{} / TestType{} / Tcp{} / Payload{size});
        CHECK(out.verdict == Verdict::redirect);
        CHECK(out.frame == Frame(to_backend() / translated(TestType{}) /
                                 Tcp{.source = port, .destination = backend_port} / Payload{size}));
        CHECK(rig.from_backend(from_backend() / reply_ip(TestType{}) /
                               Tcp{.source = backend_port, .destination = port} / Payload{size})
                  .frame == Frame(to_client() / reply_translated(TestType{}) /
                                  Tcp{.source = web_port, .destination = client_port} / Payload{size}));
    }
    CHECK(rig.all_drops() == 0);
}

TEMPLATE_TEST_CASE("an unfinished checksum of a jumbo frame is finished", "[jumbo]", Ipv4, Ipv6) {
    const Jumbo<TestType> rig;
    rig.flags(rig.front, abi::ABI_IFACE_PARTIAL, 0);
    const auto port = rig.open(Ethernet{} / TestType{} / Tcp{.flags = Syn});
    for (const std::size_t size :
         {std::size_t{3500}, std::size_t{4096}, std::size_t{5000}, std::size_t{5001}, rig.most}) {
        INFO("payload of " << size << " bytes");
        const TestType ip;
        const Tcp unfinished{.checksum = pseudo_sum(ip.source, ip.destination, 6, 20 + size)};
        CHECK(rig.from_client(Ethernet{} / ip / unfinished / Payload{size}).frame ==
              Frame(to_backend() / translated(ip) / Tcp{.source = port, .destination = backend_port} / Payload{size}));
    }
}

TEMPLATE_TEST_CASE("a jumbo frame that is too big is quoted as any other", "[jumbo]", Ipv4, Ipv6) {
    Jumbo<TestType> rig;
    (void)rig.open(Ethernet{} / TestType{} / Tcp{.flags = Syn});
    constexpr std::uint16_t smaller = 1500;
    rig.mtu(rig.back, smaller);
    const Packet large = Ethernet{} / TestType{} / Tcp{} / Payload{rig.most};
    constexpr std::size_t most_quoted_of_it = is_ipv6<TestType> ? 1280 - 48 : 576 - 28;
    Packet told = to_client() / TestType{} / too_big<TestType>(smaller) / quote(large, most_quoted_of_it);
    if constexpr (is_ipv6<TestType>) {
        told.ip6 = Ipv6{.source = vip6, .destination = client6, .flow_label = 0};
    } else {
        told.ip = Ipv4{.source = vip, .destination = client, .id = 0};
    }
    CHECK(rig.from_client(large).frame == told);
    CHECK(rig.count(abi::ABI_TOO_BIG) == 1);
}

TEMPLATE_TEST_CASE("a jumbo frame that is shorter than it says is malformed", "[jumbo]", Ipv4, Ipv6) {
    const Jumbo<TestType> rig;
    Frame frame = Ethernet{} / TestType{} / Tcp{} / Payload{5000};
    frame.bytes.pop_back();
    CHECK(rig.from_client(frame).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_BAD_HEADER) == 1);
}

TEMPLATE_TEST_CASE("large datagrams in pieces larger than a page", "[jumbo]", Ipv4, Ipv6) {
    const Jumbo<TestType> rig;
    const std::vector<std::size_t> at = {8000};
    std::vector<Frame> out;
    for (const Frame& piece : cut(Ethernet{} / TestType{} / Udp{} / Payload{15000}, 1, at)) {
        out.push_back(rig.from_client(piece).frame);
    }
    const auto port = rig.connections().at(0).proxy.value().port;
    CHECK(out == cut(to_backend() / translated(TestType{}) / Udp{.source = port, .destination = backend_dns_port} /
                         Payload{15000},
                     id_of(out[0]), at));
}

} // namespace proxip::packet
