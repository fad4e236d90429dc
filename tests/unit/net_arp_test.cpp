#include <algorithm>

#include <catch2/catch.hpp>

#include "net/arp.hpp"

using proxip::net::Mac;
using proxip::net::mac_text;
namespace arp = proxip::net::arp;

namespace {

constexpr Mac own{0x02, 0, 0, 0, 0, 0x01};
constexpr arp::Ipv4 vip{1, 1, 1, 80};
constexpr arp::Ipv4 nobody{};

} // namespace

TEST_CASE("a probe asks for the address and tells none of its own", "[net]") {
    const arp::Frame expected{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x01, 0x08, 0x06, // Ethernet
                              0,    1,    8,    0,    6,    4,    0,    1,                            // request
                              0x02, 0,    0,    0,    0,    0x01, 0,    0, 0, 0,                      // sender
                              0,    0,    0,    0,    0,    0,    1,    1, 1, 80};                    // target
    CHECK(arp::probe(own, vip) == expected);
}

TEST_CASE("an announcement has the address as sender and as target", "[net]") {
    const auto packet = arp::parse(arp::announcement(own, vip));
    REQUIRE(packet);
    CHECK(packet->operation == arp::request);
    CHECK(packet->sender_mac == own);
    CHECK(packet->sender == vip);
    CHECK(packet->target == vip);
}

TEST_CASE("who claims an address by ARP", "[net]") {
    arp::Packet packet{.operation = arp::request, .sender_mac = own, .sender = {10, 0, 0, 9}, .target = vip};
    CHECK(arp::claimed(packet) == packet.sender); // an ordinary question

    packet.sender = nobody;
    CHECK(arp::claimed(packet) == vip); // a probe

    packet.operation = arp::reply;
    CHECK(arp::claimed(packet) == nobody);
}

TEST_CASE("what is not ARP for IPv4 over Ethernet is not parsed", "[net]") {
    const arp::Frame good = arp::probe(own, vip);
    CHECK(arp::parse(good));

    CHECK_FALSE(arp::parse(std::span(good).first(arp::frame_bytes - 1)));
    for (const std::size_t offset : {12U, 13U, 15U, 16U, 18U, 19U}) {
        arp::Frame other = good;
        other.at(offset) ^= 0x40U;
        INFO("byte " << offset);
        CHECK_FALSE(arp::parse(other));
    }
}

TEST_CASE("a MAC as text", "[net]") {
    CHECK(mac_text({0x02, 0xab, 0, 0, 0, 0x1f}) == "02:ab:00:00:00:1f");
}
