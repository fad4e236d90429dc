#include "net/ndp.hpp"

#include <algorithm>
#include <cstring>

#include "policy/abi.hpp"
#include "policy/checksum.hpp"

namespace proxip::net::ndp {

namespace {

using Bytes = std::span<std::uint8_t>;
using ConstBytes = std::span<const std::uint8_t>;

// Offsets in the frame.
constexpr std::size_t ethernet_source = 6;
constexpr std::size_t ethertype = 12;
constexpr std::size_t version = 14;
constexpr std::size_t payload_length = 18;
constexpr std::size_t next_header = 20;
constexpr std::size_t hop_limit = 21;
constexpr std::size_t ip_source = 22;
constexpr std::size_t ip_destination = 38;
constexpr std::size_t icmp = 54;
constexpr std::size_t code = icmp + 1;
constexpr std::size_t checksum = icmp + 2;
constexpr std::size_t flags = icmp + 4; // of an advertisement
constexpr std::size_t target = icmp + 8;
constexpr std::size_t options = icmp + 24;

constexpr std::uint8_t icmpv6 = 58;
constexpr std::uint8_t unforwarded = 255; // a router would have made it less
constexpr std::uint8_t solicited_flag = 0x40;
constexpr std::uint8_t override_flag = 0x20;
constexpr std::uint8_t source_link_layer = 1;
constexpr std::uint8_t target_link_layer = 2;
constexpr std::size_t option_unit = 8; // an option's length counts these

std::uint16_t number(ConstBytes frame, std::size_t offset) {
    return static_cast<std::uint16_t>(frame[offset] << 8 | frame[offset + 1]);
}

void put_number(Bytes frame, std::size_t offset, std::size_t value) {
    frame[offset] = static_cast<std::uint8_t>(value >> 8);
    frame[offset + 1] = static_cast<std::uint8_t>(value);
}

Address address_at(ConstBytes frame, std::size_t offset) {
    Address address{.family = Family::v6};
    std::ranges::copy(frame.subspan(offset, address.bytes.size()), address.bytes.begin());
    return address;
}

Mac mac_at(ConstBytes frame, std::size_t offset) {
    Mac mac{};
    std::ranges::copy(frame.subspan(offset, mac.size()), mac.begin());
    return mac;
}

bool is_multicast(const Address& address) {
    return address.bytes[0] == 0xff;
}

// The sum over pseudo-header and message (RFC 8200 section 8.1, RFC 4443 section 2.3); 0xffff where the message's own
// checksum is right. Every message of this kind has an even length.
std::uint16_t sum_of(ConstBytes frame, std::size_t message_bytes) {
    const auto summed = frame.subspan(ip_source, icmp - ip_source + message_bytes);
    return policy::folded(policy::internet_sum(summed) + policy::swap_port(static_cast<std::uint16_t>(message_bytes)) +
                          policy::swap_port(icmpv6));
}

void fill(Bytes frame, const Mac& own, const Address& from, const Address& group, std::uint8_t type) {
    std::ranges::copy(multicast_mac(group), frame.begin());
    std::ranges::copy(own, frame.begin() + ethernet_source);
    put_number(frame, ethertype, 0x86dd);
    frame[version] = 0x60;
    put_number(frame, payload_length, frame.size() - icmp);
    frame[next_header] = icmpv6;
    frame[hop_limit] = unforwarded;
    std::ranges::copy(from.bytes, frame.begin() + ip_source);
    std::ranges::copy(group.bytes, frame.begin() + ip_destination);
    frame[icmp] = type;
}

void finish(Bytes frame) {
    const auto right = static_cast<std::uint16_t>(~sum_of(frame, frame.size() - icmp));
    std::memcpy(frame.data() + checksum, &right, sizeof right);
}

// The bytes of the message, when headers and checksum are such that it has to be looked at.
std::optional<std::size_t> sound_message(ConstBytes frame) {
    if (frame.size() < options || number(frame, ethertype) != 0x86dd || frame[version] >> 4 != 6 ||
        frame[next_header] != icmpv6 || frame[hop_limit] != unforwarded || frame[code] != 0) {
        return std::nullopt;
    }
    const std::size_t bytes = number(frame, payload_length);
    const bool fits = bytes >= options - icmp && bytes % option_unit == 0 && icmp + bytes <= frame.size();
    return fits && sum_of(frame, bytes) == 0xffff ? std::optional(bytes) : std::nullopt;
}

struct Options {
    bool sound = true;
    bool names_source = false;
    std::optional<Mac> target_mac;
};

Options read_options(ConstBytes rest) {
    Options out;
    while (!rest.empty()) {
        const std::size_t bytes = rest[1] * option_unit; // whole units are left, so there is a second byte
        if (bytes == 0 || bytes > rest.size()) {
            out.sound = false;
            return out;
        }
        out.names_source = out.names_source || rest[0] == source_link_layer;
        if (rest[0] == target_link_layer) {
            out.target_mac = mac_at(rest, 2);
        }
        rest = rest.subspan(bytes);
    }
    return out;
}

bool may_be_solicitation(const Packet& packet, const Address& destination, const Options& found) {
    const bool is_probe = packet.source == Address{.family = Family::v6};
    return !is_probe || (destination == solicited_node(packet.target) && !found.names_source);
}

bool may_be_advertisement(ConstBytes frame, const Address& destination) {
    return !is_multicast(destination) || (frame[flags] & solicited_flag) == 0;
}

} // namespace

Probe probe(const Mac& own, const Address& address) {
    Probe frame{};
    fill(frame, own, {.family = Family::v6}, solicited_node(address), solicitation);
    std::ranges::copy(address.bytes, frame.begin() + target);
    finish(frame);
    return frame;
}

Announcement announcement(const Mac& own, const Address& address) {
    Announcement frame{};
    fill(frame, own, address, all_nodes(), advertisement);
    frame[flags] = override_flag;
    std::ranges::copy(address.bytes, frame.begin() + target);
    frame[options] = target_link_layer;
    frame[options + 1] = 1;
    std::ranges::copy(own, frame.begin() + options + 2);
    finish(frame);
    return frame;
}

std::optional<Packet> parse(ConstBytes frame) {
    const auto bytes = sound_message(frame);
    if (!bytes) {
        return std::nullopt;
    }
    const Options found = read_options(frame.subspan(options, icmp + *bytes - options));
    const Address destination = address_at(frame, ip_destination);
    const bool names_target = frame[icmp] == advertisement && found.target_mac;
    const Packet packet{.type = frame[icmp],
                        .mac = names_target ? *found.target_mac : mac_at(frame, ethernet_source),
                        .source = address_at(frame, ip_source),
                        .target = address_at(frame, target)};
    const bool may_be = (packet.type == solicitation && may_be_solicitation(packet, destination, found)) ||
                        (packet.type == advertisement && may_be_advertisement(frame, destination));
    return may_be && found.sound && !is_multicast(packet.target) ? std::optional(packet) : std::nullopt;
}

Address all_nodes() {
    Address group{.family = Family::v6};
    group.bytes[0] = 0xff;
    group.bytes[1] = 0x02;
    group.bytes[15] = 1;
    return group;
}

Address solicited_node(const Address& address) {
    Address group = all_nodes();
    group.bytes[11] = 1;
    group.bytes[12] = 0xff;
    std::copy(address.bytes.begin() + 13, address.bytes.end(), group.bytes.begin() + 13);
    return group;
}

Mac multicast_mac(const Address& group) {
    Mac mac{0x33, 0x33};
    std::copy(group.bytes.begin() + 12, group.bytes.end(), mac.begin() + 2);
    return mac;
}

} // namespace proxip::net::ndp
