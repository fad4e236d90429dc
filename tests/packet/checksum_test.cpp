#include <catch2/catch.hpp>

#include "packet/rig.hpp"

namespace proxip::packet {

namespace {

constexpr std::uint8_t tcp_protocol = 6;
constexpr std::uint8_t udp_protocol = 17;

// A payload with which the complete checksum is what an unfinished one would be: one of 65,536, and then on every
// retry.
template <typename Header>
Payload unlucky_payload(const Header& header, std::size_t check_at, std::uint16_t unfinished) {
    for (unsigned word = 0; word < 0x10000; ++word) {
        Payload payload(Bytes{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word & 0xff), 'x'});
        const Bytes ip = (Ethernet{} / Ipv4{} / header / payload).ip_packet();
        if (ip[20 + check_at] << 8 == (unfinished & 0xff00) && ip[21 + check_at] == (unfinished & 0xff)) {
            return payload;
        }
    }
    FAIL("no such payload");
    return Payload{};
}

struct Veth : Rig {
    Veth() { flags(front, abi::ABI_IFACE_PARTIAL, 0); }
};

} // namespace

TEST_CASE("a checksum that a local sender left unfinished is finished", "[checksum]") {
    const Veth rig;
    const auto port = rig.open();
    const auto udp_port = rig.open_udp();
    for (const std::size_t size : {0U, 1U, 3U, 4U, 8U, 511U, 512U, 513U, 1460U}) {
        INFO("payload of " << size << " bytes");
        const Payload payload(size);
        CHECK(rig.from_client(Ethernet{} / Ipv4{} / Tcp{.checksum = pseudo_sum(client, vip, tcp_protocol, 20 + size)} /
                              payload)
                  .frame ==
              Frame(to_backend() / translated() / Tcp{.source = port, .destination = backend_port} / payload));
        CHECK(rig.from_client(Ethernet{} / Ipv4{} / Udp{.checksum = pseudo_sum(client, vip, udp_protocol, 8 + size)} /
                              payload)
                  .frame ==
              Frame(to_backend() / translated() / Udp{.source = udp_port, .destination = backend_dns_port} / payload));
    }
}

TEST_CASE("an unfinished checksum behind IP options is finished", "[checksum]") {
    const Veth rig;
    const auto port = rig.open();
    const Ipv4 ip{.options = Bytes(40, 1)};
    const Payload payload(101);
    CHECK(rig.from_client(Ethernet{} / ip / Tcp{.checksum = pseudo_sum(client, vip, tcp_protocol, 121)} / payload)
              .frame ==
          Frame(to_backend() / translated(ip) / Tcp{.source = port, .destination = backend_port} / payload));
}

TEST_CASE("a complete checksum that looks unfinished stays right", "[checksum]") {
    const Veth rig;
    const auto port = rig.open();
    const auto udp_port = rig.open_udp();
    const Payload tcp_payload = unlucky_payload(Tcp{}, 16, pseudo_sum(client, vip, tcp_protocol, 23));
    CHECK(rig.from_client(Ethernet{} / Ipv4{} / Tcp{} / tcp_payload).frame ==
          Frame(to_backend() / translated() / Tcp{.source = port, .destination = backend_port} / tcp_payload));
    const Payload udp_payload = unlucky_payload(Udp{}, 6, pseudo_sum(client, vip, udp_protocol, 11));
    CHECK(rig.from_client(Ethernet{} / Ipv4{} / Udp{} / udp_payload).frame ==
          Frame(to_backend() / translated() / Udp{.source = udp_port, .destination = backend_dns_port} / udp_payload));
}

TEST_CASE("what stands behind a UDP datagram is not part of its checksum", "[checksum]") {
    const Veth rig;
    const auto port = rig.open_udp();
    const auto with_options = [](const Ethernet& ethernet, const Ipv4& ip, Udp udp, const Bytes& data) {
        const auto alone = (Ethernet{} / ip / udp / Payload(data)).ip_packet();
        udp.length = static_cast<std::uint16_t>(8 + data.size());
        udp.checksum = static_cast<std::uint16_t>(alone[26] << 8 | alone[27]);
        Bytes and_options = data;
        and_options.insert(and_options.end(), {1, 2, 3, 4}); // RFC 9868
        return Frame(ethernet / ip / udp / Payload(and_options));
    };
    // The right checksum is the sum of a pseudo-header that is longer by the options.
    const Bytes data = unlucky_payload(Udp{}, 6, pseudo_sum(client, vip, udp_protocol, 15)).bytes;
    CHECK(rig.from_client(with_options(Ethernet{}, Ipv4{}, Udp{}, data)).frame ==
          with_options(to_backend(), translated(), Udp{.source = port, .destination = backend_dns_port}, data));
}

TEST_CASE("a complete checksum from a veth is kept right", "[checksum]") {
    const Veth rig;
    const auto port = rig.open();
    CHECK(rig.from_client(Ethernet{} / Ipv4{} / Tcp{} / Payload{77}).frame ==
          Frame(to_backend() / translated() / Tcp{.source = port, .destination = backend_port} / Payload{77}));
}

TEST_CASE("a wrong checksum stays wrong: the backend must see that", "[checksum]") {
    const auto stays_wrong = [](const Rig& rig) {
        rig.open();
        const Outcome out = rig.from_client(Ethernet{} / Ipv4{} / Tcp{.checksum = 0x1234} / Payload{10});
        CHECK(out.verdict == Verdict::redirect);
        CHECK_THAT(describe(out.frame), Catch::Contains("WRONG"));
    };
    SECTION("from a NIC") {
        stays_wrong(Rig());
    }
    SECTION("from a veth") {
        stays_wrong(Veth());
    }
}

} // namespace proxip::packet
