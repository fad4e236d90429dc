#include <catch2/catch.hpp>

#include "dataplane/asked_packet.hpp"

using proxip::Protocol;
using proxip::SocketAddress;
using proxip::dataplane::asked_packet;
using proxip::dataplane::Mac;
using proxip::dataplane::Question;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr Mac interface_mac{0x02, 0, 0, 0, 0, 0x09};

Bytes frame_of(Protocol protocol, std::string_view from, std::string_view to) {
    return asked_packet({.protocol = protocol,
                         .from = SocketAddress::parse(from).value(),
                         .to = SocketAddress::parse(to).value(),
                         .link = 0},
                        interface_mac);
}

} // namespace

TEST_CASE("explain's packet, IPv4 and TCP", "[dataplane]") {
    CHECK(frame_of(Protocol::tcp, "192.0.2.11:40000", "192.0.2.80:80") ==
          Bytes{0x02, 0,    0,    0,    0,   0x09, 0x02, 0,  0,  0, 0, 0, 0x08, 0x00, // Ethernet
                0x45, 0,    0,    40,   0,   0,    0,    0,  64, 6, 0, 0,             // IPv4
                192,  0,    2,    11,   192, 0,    2,    80,                          //
                0x9c, 0x40, 0,    80,   0,   0,    0,    0,  0,  0, 0, 0,             // TCP
                0x50, 0x02, 0xfa, 0xf0, 0,   0,    0,    0,                           //
                0,    0,    0,    0,    0,   0});
}

TEST_CASE("explain's packet, IPv6 and TCP", "[dataplane]") {
    CHECK(frame_of(Protocol::tcp, "[2001:db8::11]:40000", "[2001:db8::80]:80") ==
          Bytes{0x02, 0,    0,    0,    0, 0x09, 0x02, 0,  0, 0, 0, 0, 0x86, 0xdd,          // Ethernet
                0x60, 0,    0,    0,    0, 20,   6,    64,                                  // IPv6
                0x20, 0x01, 0x0d, 0xb8, 0, 0,    0,    0,  0, 0, 0, 0, 0,    0,    0, 0x11, //
                0x20, 0x01, 0x0d, 0xb8, 0, 0,    0,    0,  0, 0, 0, 0, 0,    0,    0, 0x80, //
                0x9c, 0x40, 0,    80,   0, 0,    0,    0,  0, 0, 0, 0,                      // TCP
                0x50, 0x02, 0xfa, 0xf0, 0, 0,    0,    0});
}

TEST_CASE("explain's packet, IPv6 and UDP", "[dataplane]") {
    const Bytes found = frame_of(Protocol::udp, "[2001:db8::11]:40000", "[2001:db8::80]:53");
    REQUIRE(found.size() == 14 + 40 + 8);
    CHECK(Bytes(found.begin() + 14, found.begin() + 22) == Bytes{0x60, 0, 0, 0, 0, 8, 17, 64});
    CHECK(Bytes(found.begin() + 54, found.end()) == Bytes{0x9c, 0x40, 0, 53, 0, 8, 0, 0});
}

TEST_CASE("explain's packet has the flags that were asked for", "[dataplane]") {
    const Bytes found = asked_packet({.protocol = Protocol::tcp,
                                      .from = SocketAddress::parse("192.0.2.11:40000").value(),
                                      .to = SocketAddress::parse("192.0.2.80:80").value(),
                                      .link = 0,
                                      .tcp_flags = 0x14},
                                     interface_mac);
    CHECK(found.at(14 + 20 + 13) == 0x14);
}
