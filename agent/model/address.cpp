#include "model/address.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "model/text.hpp"

namespace proxip {

namespace {

constexpr std::size_t bytes_of(Family family) {
    return family == Family::v4 ? 4 : 16;
}
constexpr int af_of(Family family) {
    return family == Family::v4 ? AF_INET : AF_INET6;
}

// Clears every bit from `length` on.
Address masked(Address address, int length) {
    for (std::size_t i = 0; i < bytes_of(address.family); ++i) {
        const int kept = std::clamp(length - static_cast<int>(i) * 8, 0, 8);
        address.bytes.at(i) = static_cast<std::uint8_t>(address.bytes.at(i) & (0xff00U >> static_cast<unsigned>(kept)));
    }
    return address;
}

bool is_unicast_v4(const std::array<std::uint8_t, 16>& bytes) {
    const bool this_network = bytes[0] == 0; // RFC 1122 section 3.2.1.3
    const bool loopback = bytes[0] == 127;
    const bool link_local = bytes[0] == 169 && bytes[1] == 254;
    const bool multicast = bytes[0] >= 224 && bytes[0] < 240;
    const bool broadcast = bytes[0] == 255 && bytes[1] == 255 && bytes[2] == 255 && bytes[3] == 255;
    return !this_network && !loopback && !link_local && !multicast && !broadcast;
}

bool is_unicast_v6(const std::array<std::uint8_t, 16>& bytes) {
    const auto zero_until = [&bytes](std::size_t end) {
        return std::ranges::all_of(std::span{bytes}.first(end), [](std::uint8_t byte) { return byte == 0; });
    };
    const bool unspecified_or_loopback = zero_until(15) && bytes[15] <= 1;
    const bool v4_mapped = zero_until(10) && bytes[10] == 0xff && bytes[11] == 0xff; // RFC 4291: never on the wire
    const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80;
    const bool multicast = bytes[0] == 0xff;
    return !unspecified_or_loopback && !v4_mapped && !link_local && !multicast;
}

} // namespace

Result<Address> Address::parse(std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> buffer{}; // inet_pton wants an end of string
    Address address;
    address.family = text.find(':') == std::string_view::npos ? Family::v4 : Family::v6;
    const bool fits = text.size() < buffer.size() && text.find('\0') == std::string_view::npos;
    if (fits) {
        std::ranges::copy(text, buffer.begin());
    }
    if (!fits || inet_pton(af_of(address.family), buffer.data(), address.bytes.data()) != 1) {
        return unfit(text, "an IPv4 or IPv6 address");
    }
    return address;
}

std::string Address::text() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    return inet_ntop(af_of(family), bytes.data(), buffer.data(), buffer.size());
}

Address Address::next() const {
    Address result = *this;
    for (std::size_t i = bytes_of(family); i-- > 0;) {
        if (++result.bytes.at(i) != 0) {
            break;
        }
    }
    return result;
}

bool Address::is_unicast() const {
    return family == Family::v4 ? is_unicast_v4(bytes) : is_unicast_v6(bytes);
}

Result<Prefix> Prefix::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const Result<Address> address = Address::parse(text.substr(0, slash));
    if (!address) {
        return unfit(text, "an address or a prefix, such as 10.0.0.0/24");
    }
    if (slash == std::string_view::npos) {
        return Prefix{.base = *address, .length = address->bits()};
    }
    const auto length = parse_number(text.substr(slash + 1), static_cast<std::uint64_t>(address->bits()));
    if (!length) {
        return unfit(text, fmt::format("a prefix length from 0 to {} after the \"/\"", address->bits()));
    }
    const Prefix prefix{.base = masked(*address, static_cast<int>(*length)), .length = static_cast<int>(*length)};
    if (prefix.base != *address) {
        return unfit(text, fmt::format("{}/{} (host bits zero)", prefix.base.text(), prefix.length));
    }
    return prefix;
}

std::string Prefix::text() const {
    return fmt::format("{}/{}", base.text(), length);
}

bool Prefix::contains(const Address& address) const {
    return address.family == base.family && masked(address, length) == base;
}

std::string_view protocol_name(Protocol protocol) {
    return protocol == Protocol::tcp ? "tcp" : "udp";
}

} // namespace proxip
