#pragma once

// Addresses, prefixes, ranges and service addresses: parsed once, then values. Text forms are those of the
// configuration file; IPv6 stands in brackets wherever a port follows it.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.hpp"

namespace proxip {

enum class Family : std::uint8_t { v4, v6 };
enum class Protocol : std::uint8_t { tcp, udp };

struct Address {
    Family family = Family::v4;
    std::array<std::uint8_t, 16> bytes{}; // network order; IPv4 in the first four, the rest zero

    auto operator<=>(const Address&) const = default;
    [[nodiscard]] static Result<Address> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    [[nodiscard]] int bits() const { return family == Family::v4 ? 32 : 128; }
    [[nodiscard]] Address next() const; // the address after this one; wraps at the end of the family
    // Not unspecified, loopback, multicast, link-local or broadcast: one that a host can have and be called by.
    [[nodiscard]] bool is_unicast() const;
};

struct Prefix {
    Address base; // host bits zero
    int length = 0;

    auto operator<=>(const Prefix&) const = default;
    [[nodiscard]] static Result<Prefix>
    parse(std::string_view text); // "A/len" or a lone address; host bits must be zero
    [[nodiscard]] std::string text() const;
    [[nodiscard]] bool contains(const Address& address) const;
};

// One entry of a pool's `addresses`: an address, a prefix (every address of it) or "first-last".
struct AddressRange {
    Address first;
    Address last;

    auto operator<=>(const AddressRange&) const = default;
    [[nodiscard]] static Result<AddressRange> parse(std::string_view text);
    [[nodiscard]] std::string text() const;   // the shortest of the three forms
    [[nodiscard]] std::uint64_t size() const; // saturates at 2^64-1
    [[nodiscard]] bool overlaps(const AddressRange& other) const;
    [[nodiscard]] bool contains(const Address& address) const;
};

// Ports first..last, both included, host order. "80", "1024-65535", and where allowed "*" (0-0: every port).
struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    auto operator<=>(const PortRange&) const = default;
    [[nodiscard]] static Result<PortRange> parse(std::string_view text, bool allow_any = false);
    [[nodiscard]] std::string text() const;
    [[nodiscard]] bool any() const { return first == 0 && last == 0; }
    [[nodiscard]] bool single() const { return first == last && first != 0; }
    [[nodiscard]] bool overlaps(const PortRange& other) const; // an `any` overlaps everything
};

// "10.0.0.1:80", "[2001:db8::1]:80". Port 0 stands for "the port that the client called" and is written "10.0.0.1".
struct SocketAddress {
    Address address;
    std::uint16_t port = 0;

    auto operator<=>(const SocketAddress&) const = default;
    [[nodiscard]] static Result<SocketAddress> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
};

// "tcp://1.1.1.80:80", "udp://[2001:db8::80]:1000-1999", "tcp://1.1.1.80:*"
struct ServiceAddress {
    Protocol protocol = Protocol::tcp;
    Address address;
    PortRange ports;

    auto operator<=>(const ServiceAddress&) const = default;
    [[nodiscard]] static Result<ServiceAddress> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    [[nodiscard]] bool overlaps(const ServiceAddress& other) const;
};

[[nodiscard]] std::string_view protocol_name(Protocol protocol); // "tcp", "udp"

} // namespace proxip
