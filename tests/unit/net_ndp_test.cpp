#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>

#include "net/ndp.hpp"
#include "net/statement.hpp"

using proxip::Address;
using proxip::Family;
using proxip::net::Mac;
namespace ndp = proxip::net::ndp;

namespace ndp_test {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr Mac own_mac{0x02, 0, 0, 0, 0, 0x01};
constexpr Mac other_mac{0x02, 0, 0, 0, 0, 0x02};
const Address vip_address = Address::parse("2001:db8::12:3480").value();
const Address unspecified{.family = Family::v6};

template <typename Frame>
Bytes bytes_of(const Frame& frame) {
    return {frame.begin(), frame.end()};
}

// After a change, so that the checksum is not what is wrong.
Bytes summed(Bytes frame) {
    frame.at(56) = frame.at(57) = 0;
    const std::size_t message = frame.size() - 54;
    std::uint32_t sum = static_cast<std::uint32_t>(message) + 58;
    for (std::size_t i = 22; i < frame.size(); i += 2) {
        sum += static_cast<std::uint32_t>(frame.at(i) << 8 | frame.at(i + 1));
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    frame.at(56) = static_cast<std::uint8_t>(~sum >> 8);
    frame.at(57) = static_cast<std::uint8_t>(~sum);
    return frame;
}

Bytes changed_at(Bytes frame, std::size_t offset, int byte) {
    frame.at(offset) = static_cast<std::uint8_t>(byte);
    return summed(std::move(frame));
}

// With one option more behind it.
Bytes with_option(Bytes frame, const Bytes& option) {
    frame.insert(frame.end(), option.begin(), option.end());
    frame.at(19) = static_cast<std::uint8_t>(frame.size() - 54);
    return summed(std::move(frame));
}

} // namespace

TEST_CASE("the groups of an IPv6 address", "[net]") {
    CHECK(ndp::solicited_node(vip_address).text() == "ff02::1:ff12:3480");
    CHECK(ndp::multicast_mac(ndp::solicited_node(vip_address)) == Mac{0x33, 0x33, 0xff, 0x12, 0x34, 0x80});
    CHECK(ndp::all_nodes().text() == "ff02::1");
    CHECK(ndp::multicast_mac(ndp::all_nodes()) == Mac{0x33, 0x33, 0, 0, 0, 0x01});
}

TEST_CASE("a probe asks the address's group from the unspecified address, without options", "[net]") {
    const Bytes expected{0x33, 0x33, 0xff, 0x12, 0x34, 0x80, 0x02, 0,   0, 0, 0, 0x01, 0x86, 0xdd, // Ethernet
                         0x60, 0,    0,    0,    0,    24,   58,   255,                            // IPv6
                         0,    0,    0,    0,    0,    0,    0,    0,   0, 0, 0, 0,    0,    0,    0,    0,
                         0xff, 0x02, 0,    0,    0,    0,    0,    0,   0, 0, 0, 1,    0xff, 0x12, 0x34, 0x80,
                         135,  0,    0,    0,    0,    0,    0,    0, // solicitation
                         0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,   0, 0, 0, 0,    0,    0x12, 0x34, 0x80};
    const auto frame = bytes_of(ndp::probe(own_mac, vip_address));
    CHECK(frame == summed(expected));
    const auto packet = ndp::parse(frame);
    REQUIRE(packet);
    CHECK(packet->type == ndp::solicitation);
    CHECK(packet->mac == own_mac);
    CHECK(packet->source == unspecified);
    CHECK(packet->target == vip_address);
}

TEST_CASE("an announcement goes to all nodes, with Override and the link-layer address", "[net]") {
    const Bytes
        expected{0x33, 0x33, 0,    0,    0,    0x01, 0x02, 0,   0,    0,   0, 0x01, 0x86, 0xdd, // Ethernet
                 0x60, 0,    0,    0,    0,    32,   58,   255,                                 // IPv6
                 0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,   0,    0,   0, 0,    0,    0x12,
                 0x34, 0x80, 0xff, 0x02, 0,    0,    0,    0,   0,    0,   0, 0,    0,    0,
                 0,    0,    0,    1,    136,  0,    0,    0,   0x20, 0,   0, 0, // advertisement, Override alone
                 0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,   0,    0,   0, 0,    0,    0x12,
                 0x34, 0x80, 2,    1,    0x02, 0,    0,    0,   0,    0x01}; // target link-layer address
    const auto frame = bytes_of(ndp::announcement(own_mac, vip_address));
    CHECK(frame == summed(expected));
    const auto packet = ndp::parse(frame);
    REQUIRE(packet);
    CHECK(packet->type == ndp::advertisement);
    CHECK(packet->mac == own_mac);
    CHECK(packet->target == vip_address);
}

TEST_CASE("the MAC of an advertisement is the one that it names", "[net]") {
    Bytes frame = bytes_of(ndp::announcement(own_mac, vip_address));
    // As VRRP routers do: their own MAC in front, the virtual one in the option.
    std::ranges::copy(other_mac, frame.begin() + 80);
    CHECK(ndp::parse(summed(frame))->mac == other_mac);
    frame.resize(78);
    frame[19] = 24;
    CHECK(ndp::parse(summed(frame))->mac == own_mac);
    CHECK(ndp::parse(with_option(summed(frame), {14, 1, 1, 2, 3, 4, 5, 6}))->mac == own_mac); // a nonce (RFC 3971)
}

TEST_CASE("what a node must discard is no packet", "[net]") {
    const Bytes probe = bytes_of(ndp::probe(own_mac, vip_address));
    const Bytes announcement = bytes_of(ndp::announcement(own_mac, vip_address));
    REQUIRE(ndp::parse(probe));
    REQUIRE(ndp::parse(with_option(probe, {14, 1, 1, 2, 3, 4, 5, 6})));
    REQUIRE(ndp::parse(announcement));
    CHECK_FALSE(ndp::parse(changed_at(probe, 13, 0)));                     // another EtherType
    CHECK_FALSE(ndp::parse(changed_at(probe, 14, 0x40)));                  // another version
    CHECK_FALSE(ndp::parse(changed_at(probe, 20, 17)));                    // UDP
    CHECK_FALSE(ndp::parse(changed_at(probe, 21, 254)));                   // came by way of a router
    CHECK_FALSE(ndp::parse(changed_at(probe, 54, 133)));                   // a router solicitation
    CHECK_FALSE(ndp::parse(changed_at(probe, 55, 1)));                     // a code
    CHECK_FALSE(ndp::parse(changed_at(probe, 53, 0x81)));                  // a probe to another group
    CHECK_FALSE(ndp::parse(changed_at(announcement, 62, 0xff)));           // of a multicast address
    CHECK_FALSE(ndp::parse(changed_at(announcement, 58, 0x60)));           // solicited, and to all
    CHECK_FALSE(ndp::parse(changed_at(announcement, 79, 0)));              // an option without a length
    CHECK_FALSE(ndp::parse(changed_at(announcement, 79, 2)));              // longer than the packet
    CHECK_FALSE(ndp::parse(with_option(probe, {1, 1, 2, 0, 0, 0, 0, 1}))); // a probe that names its sender
    Bytes flipped = announcement;
    flipped[56] ^= 1U;
    CHECK_FALSE(ndp::parse(flipped)); // its checksum
    for (std::size_t bytes = 0; bytes < announcement.size(); ++bytes) {
        CHECK_FALSE(ndp::parse(std::span(announcement).first(bytes)));
    }
    Bytes padded = probe;
    padded.resize(100); // by the driver
    CHECK(ndp::parse(padded));
}

TEST_CASE("a question for an address says nothing of who has it", "[net]") {
    Bytes question = bytes_of(ndp::probe(own_mac, vip_address));
    question[22] = 0xfe;
    question[23] = 0x80;
    question[37] = 2;
    REQUIRE(ndp::parse(summed(question)));
    CHECK_FALSE(proxip::net::read_statement(Family::v6, summed(question)));
    const auto probe = proxip::net::read_statement(Family::v6, proxip::net::probe(own_mac, vip_address));
    REQUIRE(probe);
    CHECK(probe->probe);
    CHECK(probe->address == vip_address);
    const auto announcement = proxip::net::read_statement(Family::v6, proxip::net::announcement(own_mac, vip_address));
    REQUIRE(announcement);
    CHECK_FALSE(announcement->probe);
    CHECK(announcement->mac == own_mac);
}

} // namespace ndp_test
