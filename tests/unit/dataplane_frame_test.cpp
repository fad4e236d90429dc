#include <catch2/catch.hpp>

#include "dataplane/frame.hpp"

namespace frame_test {
namespace {

using proxip::SocketAddress;
using proxip::dataplane::Bytes;
using proxip::dataplane::reset_frame;

Bytes reset(const char* from, const char* to) {
    return reset_frame({.protocol = proxip::Protocol::tcp,
                        .from = SocketAddress::parse(from).value(),
                        .to = SocketAddress::parse(to).value(),
                        .from_mac = {2, 0, 0, 0, 0, 1},
                        .to_mac = {2, 0, 0, 0, 0, 9}},
                       __builtin_bswap32(0x01020304));
}

} // namespace

// Checksums by scapy.
TEST_CASE("a RST of our own, IPv4", "[dataplane]") {
    CHECK(reset("192.0.2.80:80", "192.0.2.11:40000") ==
          Bytes{2,    0,    0,    0,    0,    9,    2, 0,  0,  0, 0,    1,    0x08, 0x00, // Ethernet
                0x45, 0,    0,    40,   0,    0,    0, 0,  64, 6, 0xf6, 0x74,             // IPv4
                192,  0,    2,    80,   192,  0,    2, 11,                                //
                0,    80,   0x9c, 0x40, 1,    2,    3, 4,  0,  0, 0,    0,                // TCP
                0x50, 0x04, 0,    0,    0x8a, 0xee, 0, 0,                                 //
                0,    0,    0,    0,    0,    0});
}

TEST_CASE("a RST of our own, IPv6", "[dataplane]") {
    CHECK(reset("[2001:db8::80]:80", "[2001:db8::11]:40000") ==
          Bytes{2,    0,    0,    0,    0,    9,    2, 0,  0, 0, 0, 1, 0x86, 0xdd,          // Ethernet
                0x60, 0,    0,    0,    0,    20,   6, 64,                                  // IPv6
                0x20, 0x01, 0x0d, 0xb8, 0,    0,    0, 0,  0, 0, 0, 0, 0,    0,    0, 0x80, //
                0x20, 0x01, 0x0d, 0xb8, 0,    0,    0, 0,  0, 0, 0, 0, 0,    0,    0, 0x11, //
                0,    80,   0x9c, 0x40, 1,    2,    3, 4,  0, 0, 0, 0,                      // TCP
                0x50, 0x04, 0,    0,    0xb3, 0x47, 0, 0});
}

} // namespace frame_test
