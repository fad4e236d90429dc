#include <catch2/catch.hpp>

#include "model/address.hpp"

namespace {

using proxip::Address;
using proxip::AddressRange;
using proxip::Family;
using proxip::PortRange;
using proxip::Prefix;
using proxip::Protocol;
using proxip::ServiceAddress;
using proxip::SocketAddress;

template <typename T>
std::string round_trip(std::string_view text) {
    const auto parsed = T::parse(text);
    return parsed ? parsed->text() : "error: " + parsed.error().message;
}

} // namespace

TEST_CASE("an address is parsed, and written as RFC 5952 wants it", "[model]") {
    CHECK(round_trip<Address>("1.1.1.80") == "1.1.1.80");
    CHECK(round_trip<Address>("2001:DB8:0:0::1") == "2001:db8::1");
    const auto address = Address::parse("10.0.0.1");
    REQUIRE(address);
    CHECK(address->family == Family::v4);
    CHECK(address->bytes == std::array<std::uint8_t, 16>{10, 0, 0, 1});
}

TEST_CASE("what is no address is refused", "[model]") {
    const std::string text =
        GENERATE("", "1.1.1", "1.1.1.256", "1.1.1.01", " 1.1.1.1", "1.1.1.1 ", "1.1.1.1/32", "host", ":", "2001:db8",
                 "fe80::1%eth0", "[::1]", "1.1.1.1\n", "2001:db8:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:1");
    CAPTURE(text);
    const auto parsed = Address::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message.find("expected an IPv4 or IPv6 address") != std::string::npos);
}

TEST_CASE("a zero byte inside an address is not its end", "[model]") {
    const auto parsed = Address::parse(std::string_view{"1.1.1.1\0junk", 12});
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message == "found \"1.1.1.1\\x00junk\", expected an IPv4 or IPv6 address");
}

TEST_CASE("the next address carries and wraps", "[model]") {
    CHECK(Address::parse("10.0.0.255")->next().text() == "10.0.1.0");
    CHECK(Address::parse("255.255.255.255")->next().text() == "0.0.0.0");
    CHECK(Address::parse("2001:db8::ffff:ffff")->next().text() == "2001:db8::1:0:0");
}

TEST_CASE("unicast addresses are those that a host can have", "[model]") {
    const std::string good = GENERATE("1.1.1.1", "10.0.0.255", "223.255.255.255", "2001:db8::1", "fd00::1");
    CAPTURE(good);
    CHECK(Address::parse(good)->is_unicast());
    const std::string bad = GENERATE("0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "239.255.255.255",
                                     "255.255.255.255", "::", "::1", "fe80::1", "febf::1", "ff02::1", "::ffff:1.2.3.4");
    CAPTURE(bad);
    CHECK_FALSE(Address::parse(bad)->is_unicast());
}

TEST_CASE("a prefix has its host bits zero", "[model]") {
    CHECK(round_trip<Prefix>("10.0.0.0/24") == "10.0.0.0/24");
    CHECK(round_trip<Prefix>("10.0.0.1") == "10.0.0.1/32");
    CHECK(round_trip<Prefix>("0.0.0.0/0") == "0.0.0.0/0");
    CHECK(round_trip<Prefix>("2001:db8::/33") == "2001:db8::/33");
    CHECK(round_trip<Prefix>("10.0.0.17/28") ==
          "error: found \"10.0.0.17/28\", expected 10.0.0.16/28 (host bits zero)");
    CHECK(round_trip<Prefix>("10.0.0.0/33") ==
          "error: found \"10.0.0.0/33\", expected a prefix length from 0 to 32 after the \"/\"");
    CHECK_FALSE(Prefix::parse("10.0.0.0/"));
    CHECK_FALSE(Prefix::parse("10.0.0.0/ 8"));
    CHECK_FALSE(Prefix::parse("10.0.0.0/08"));
}

TEST_CASE("a prefix contains its addresses", "[model]") {
    const Prefix prefix = *Prefix::parse("10.0.0.16/28");
    CHECK(prefix.contains(*Address::parse("10.0.0.16")));
    CHECK(prefix.contains(*Address::parse("10.0.0.31")));
    CHECK_FALSE(prefix.contains(*Address::parse("10.0.0.32")));
    CHECK_FALSE(prefix.contains(*Address::parse("10.0.0.15")));
    CHECK_FALSE(Prefix::parse("::/0")->contains(*Address::parse("10.0.0.1")));
}

TEST_CASE("a range is written in its shortest form", "[model]") {
    CHECK(round_trip<AddressRange>("1.1.1.254") == "1.1.1.254");
    CHECK(round_trip<AddressRange>("1.1.1.254/32") == "1.1.1.254");
    CHECK(round_trip<AddressRange>("10.0.0.16/28") == "10.0.0.16/28");
    CHECK(round_trip<AddressRange>("10.0.0.16-10.0.0.31") == "10.0.0.16/28");
    CHECK(round_trip<AddressRange>("10.0.1.1-10.0.1.9") == "10.0.1.1-10.0.1.9");
    CHECK(round_trip<AddressRange>("10.0.0.1-10.0.0.2") == "10.0.0.1-10.0.0.2");
    CHECK(round_trip<AddressRange>("0.0.0.0-255.255.255.255") == "0.0.0.0/0");
    CHECK(round_trip<AddressRange>("2001:db8::-2001:db8::ff") == "2001:db8::/120");
    CHECK(round_trip<AddressRange>("::/0") == "::/0");
}

TEST_CASE("what is no range is refused", "[model]") {
    CHECK(round_trip<AddressRange>("10.0.0.9-10.0.0.1") ==
          "error: found \"10.0.0.9-10.0.0.1\", expected a range FIRST-LAST whose first address is not above its last");
    CHECK(round_trip<AddressRange>("10.0.0.1-2001:db8::1") ==
          "error: found \"10.0.0.1-2001:db8::1\", expected a range FIRST-LAST of two addresses of one family");
    CHECK_FALSE(AddressRange::parse("10.0.0.1-"));
    CHECK_FALSE(AddressRange::parse("-"));
    CHECK_FALSE(AddressRange::parse("10.0.0.1-10.0.0.2-10.0.0.3"));
}

TEST_CASE("the size of a range saturates", "[model]") {
    CHECK(AddressRange::parse("10.0.0.1")->size() == 1);
    CHECK(AddressRange::parse("10.0.0.0/8")->size() == 1U << 24U);
    CHECK(AddressRange::parse("2001:db8::/65")->size() == 1ULL << 63U);
    CHECK(AddressRange::parse("2001:db8::/64")->size() == ~0ULL);
    CHECK(AddressRange::parse("::/0")->size() == ~0ULL);
}

TEST_CASE("ranges of one family overlap where they share an address", "[model]") {
    const AddressRange range = *AddressRange::parse("10.0.0.10-10.0.0.20");
    CHECK(range.overlaps(*AddressRange::parse("10.0.0.20-10.0.0.30")));
    CHECK(range.overlaps(*AddressRange::parse("10.0.0.0/24")));
    CHECK_FALSE(range.overlaps(*AddressRange::parse("10.0.0.21")));
    CHECK_FALSE(range.overlaps(*AddressRange::parse("::/0")));
}

TEST_CASE("ports and ranges of ports", "[model]") {
    CHECK(round_trip<PortRange>("80") == "80");
    CHECK(round_trip<PortRange>("1024-65535") == "1024-65535");
    CHECK(round_trip<PortRange>("80-80") == "80");
    CHECK(PortRange::parse("*", true)->any());
    CHECK(PortRange::parse("*", true)->text() == "*");
    const std::string bad =
        GENERATE("*", "", "0", "65536", "-1", "1-", "80-", "-80", "0-80", "+80", " 80", "080", "8o", "1-2-3");
    CAPTURE(bad);
    CHECK_FALSE(PortRange::parse(bad));
}

TEST_CASE("reversed ports are refused with the right order", "[model]") {
    CHECK(round_trip<PortRange>("2000-1000") ==
          "error: found \"2000-1000\", expected a range FIRST-LAST whose first port is "
          "not above its last, such as 1000-2000");
}

TEST_CASE("a backend's address, with and without a port", "[model]") {
    CHECK(round_trip<SocketAddress>("10.0.0.1:80") == "10.0.0.1:80");
    CHECK(round_trip<SocketAddress>("10.0.0.1") == "10.0.0.1");
    CHECK(round_trip<SocketAddress>("[2001:db8::1]:80") == "[2001:db8::1]:80");
    CHECK(round_trip<SocketAddress>("2001:db8::1") == "2001:db8::1");
    CHECK(round_trip<SocketAddress>("[2001:db8::1]") == "2001:db8::1");
    const std::string bad =
        GENERATE("", ":80", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:80:80", "[10.0.0.1]:80",
                 "[2001:db8::1", "[2001:db8::1]80", "[]:80", "host:80", "10.0.0.1:http");
    CAPTURE(bad);
    CHECK_FALSE(SocketAddress::parse(bad));
}

TEST_CASE("a service's address", "[model]") {
    CHECK(round_trip<ServiceAddress>("tcp://1.1.1.80:80") == "tcp://1.1.1.80:80");
    CHECK(round_trip<ServiceAddress>("udp://[2001:db8::80]:1000-1999") == "udp://[2001:db8::80]:1000-1999");
    CHECK(round_trip<ServiceAddress>("tcp://1.1.1.80:*") == "tcp://1.1.1.80:*");
    CHECK(ServiceAddress::parse("udp://1.1.1.80:53")->protocol == Protocol::udp);
    const std::string bad =
        GENERATE("", "tcp", "tcp:/", "tcp://", "tcp://1.1.1.80", "1.1.1.80:80", "http://1.1.1.80:80",
                 "tcp://1.1.1.80:0", "tcp://2001:db8::80:80", "tcp://1.1.1.80:80/", "TCP://1.1.1.80:80");
    CAPTURE(bad);
    CHECK_FALSE(ServiceAddress::parse(bad));
}

TEST_CASE("services overlap on address, protocol and ports", "[model]") {
    const ServiceAddress web = *ServiceAddress::parse("tcp://1.1.1.80:80");
    CHECK(web.overlaps(web));
    CHECK(web.overlaps(*ServiceAddress::parse("tcp://1.1.1.80:*")));
    CHECK(web.overlaps(*ServiceAddress::parse("tcp://1.1.1.80:1-100")));
    CHECK_FALSE(web.overlaps(*ServiceAddress::parse("udp://1.1.1.80:80")));
    CHECK_FALSE(web.overlaps(*ServiceAddress::parse("tcp://1.1.1.80:81")));
    CHECK_FALSE(web.overlaps(*ServiceAddress::parse("tcp://1.1.1.81:80")));
}
