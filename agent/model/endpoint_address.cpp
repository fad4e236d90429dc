// SocketAddress and ServiceAddress: an address with a port, and what stands in front.

#include <fmt/format.h>

#include "model/address.hpp"
#include "model/text.hpp"

namespace proxip {

namespace {

struct HostPort {
    std::string_view host;
    std::optional<std::string_view> port; // what follows the last ':'
    bool bracketed = false;
};

// Only cuts; nothing when the brackets are wrong.
std::optional<HostPort> split(std::string_view text) {
    if (!text.starts_with('[')) {
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
            return HostPort{.host = text, .port = std::nullopt}; // IPv4 alone, or IPv6 without brackets
        }
        return HostPort{.host = text.substr(0, colon), .port = text.substr(colon + 1)};
    }
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') {
        return std::nullopt;
    }
    HostPort parts{.host = text.substr(1, end - 1), .port = std::nullopt, .bracketed = true};
    if (!rest.empty()) {
        parts.port = rest.substr(1);
    }
    return parts;
}

std::optional<Address> host_address(const HostPort& parts) {
    const Result<Address> address = Address::parse(parts.host);
    if (!address || (parts.bracketed && address->family != Family::v6)) {
        return std::nullopt;
    }
    return *address;
}

std::string bracketed_text(const Address& address) {
    return address.family == Family::v6 ? fmt::format("[{}]", address.text()) : address.text();
}

} // namespace

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
    constexpr std::string_view expected = "ADDRESS:PORT, such as 10.0.0.1:80 or [2001:db8::1]:80";
    const auto parts = split(text);
    const auto address = parts ? host_address(*parts) : std::nullopt;
    if (!address) {
        return unfit(text, expected);
    }
    if (!parts->port) {
        return SocketAddress{.address = *address, .port = 0};
    }
    const auto port = parse_number(*parts->port, 65535);
    if (!port || *port == 0) {
        return unfit(text, "a port from 1 to 65535 after the address");
    }
    return SocketAddress{.address = *address, .port = static_cast<std::uint16_t>(*port)};
}

std::string SocketAddress::text() const {
    return port == 0 ? address.text() : fmt::format("{}:{}", bracketed_text(address), port);
}

Result<ServiceAddress> ServiceAddress::parse(std::string_view text) {
    constexpr std::string_view expected =
        "tcp://ADDRESS:PORT or udp://ADDRESS:PORT, where PORT is a port, FIRST-LAST or *";
    ServiceAddress result;
    const std::string_view rest = text.substr(std::min<std::size_t>(text.size(), 6));
    if (text.starts_with("tcp://")) {
        result.protocol = Protocol::tcp;
    } else if (text.starts_with("udp://")) {
        result.protocol = Protocol::udp;
    } else {
        return unfit(text, expected);
    }
    const auto parts = split(rest);
    const auto address = parts ? host_address(*parts) : std::nullopt;
    if (!address || !parts->port) {
        return unfit(text, expected);
    }
    const Result<PortRange> ports = PortRange::parse(*parts->port, true);
    if (!ports) {
        return std::unexpected(ports.error());
    }
    result.address = *address;
    result.ports = *ports;
    return result;
}

std::string ServiceAddress::text() const {
    return fmt::format("{}://{}:{}", protocol_name(protocol), bracketed_text(address), ports.text());
}

bool ServiceAddress::overlaps(const ServiceAddress& other) const {
    return protocol == other.protocol && address == other.address && ports.overlaps(other.ports);
}

} // namespace proxip
