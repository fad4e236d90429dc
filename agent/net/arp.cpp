#include "net/arp.hpp"

#include <algorithm>

namespace proxip::net::arp {

namespace {

// Offsets in the frame.
constexpr std::size_t ethernet_source = 6;
constexpr std::size_t head = 12; // EtherType, and then what is the same in each of these packets
constexpr std::size_t operation = 20;
constexpr std::size_t sender_mac = 22;
constexpr std::size_t sender = 28;
constexpr std::size_t target = 38;

// EtherType ARP; Ethernet, IPv4, address lengths 6 and 4.
constexpr std::array<std::uint8_t, 8> fixed{0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 6, 4};

Frame broadcast_request(const Mac& own, const Ipv4& from, const Ipv4& asked) {
    Frame frame{};
    std::fill_n(frame.begin(), ethernet_source, std::uint8_t{0xff});
    std::ranges::copy(own, frame.begin() + ethernet_source);
    std::ranges::copy(fixed, frame.begin() + head);
    frame[operation + 1] = static_cast<std::uint8_t>(request);
    std::ranges::copy(own, frame.begin() + sender_mac);
    std::ranges::copy(from, frame.begin() + sender);
    std::ranges::copy(asked, frame.begin() + target);
    return frame;
}

template <typename Field>
Field field(std::span<const std::uint8_t> frame, std::size_t offset) {
    Field value{};
    std::ranges::copy(frame.subspan(offset, value.size()), value.begin());
    return value;
}

} // namespace

Frame probe(const Mac& own, const Ipv4& address) {
    return broadcast_request(own, Ipv4{}, address);
}

Frame announcement(const Mac& own, const Ipv4& address) {
    return broadcast_request(own, address, address);
}

std::optional<Packet> parse(std::span<const std::uint8_t> frame) {
    if (frame.size() < frame_bytes || !std::ranges::equal(frame.subspan(head, fixed.size()), fixed)) {
        return std::nullopt;
    }
    return Packet{.operation = static_cast<std::uint16_t>(frame[operation] << 8 | frame[operation + 1]),
                  .sender_mac = field<Mac>(frame, sender_mac),
                  .sender = field<Ipv4>(frame, sender),
                  .target = field<Ipv4>(frame, target)};
}

Ipv4 claimed(const Packet& packet) {
    const bool is_probe = packet.operation == request && packet.sender == Ipv4{};
    return is_probe ? packet.target : packet.sender;
}

Ipv4 to_ipv4(const Address& address) {
    Ipv4 bytes{};
    std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
    return bytes;
}

} // namespace proxip::net::arp
