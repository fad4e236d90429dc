#include "packet/frame.hpp"

#include <algorithm>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "packet/bytes.hpp"

namespace proxip::packet {

namespace {

using View = std::span<const std::uint8_t>;

unsigned get16(View bytes, std::size_t at) {
    return static_cast<unsigned>(bytes[at] << 8 | bytes[at + 1]);
}
std::uint32_t get32(View bytes, std::size_t at) {
    return get16(bytes, at) << 16 | get16(bytes, at + 2);
}
template <std::size_t size>
std::array<std::uint8_t, size> get(View bytes, std::size_t at) {
    std::array<std::uint8_t, size> out{};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, out.begin());
    return out;
}

std::string checksum_text(unsigned field, std::uint16_t sum_with_it) {
    return fmt::format("checksum 0x{:04x} ({})", field, sum_with_it == 0xffff ? "right" : "WRONG");
}

std::string raw(std::string_view what, View bytes) {
    return bytes.empty() ? std::string()
                         : fmt::format("\n{} ({} bytes): {:02x}", what, bytes.size(), fmt::join(bytes, " "));
}

std::string tcp_flags(unsigned flags) {
    std::string out;
    for (const auto& [bit, name] : {std::pair(2U, "SYN "), {1U, "FIN "}, {4U, "RST "}, {8U, "PSH "}, {16U, "ACK "}}) {
        out += (flags & bit) != 0 ? name : "";
    }
    return out;
}

std::string tcp_text(View l4, std::uint16_t pseudo) {
    const std::size_t header = static_cast<std::size_t>(l4[12] >> 4) * 4;
    if (header < 20 || header > l4.size()) {
        return raw("tcp with a wrong header length", l4);
    }
    return fmt::format("\ntcp {} > {} {}seq {} ack {} window {} urgent {} {}", get16(l4, 0), get16(l4, 2),
                       tcp_flags(l4[13]), get32(l4, 4), get32(l4, 8), get16(l4, 14), get16(l4, 18),
                       checksum_text(get16(l4, 16), folded_sum(l4, pseudo))) +
           raw("options", l4.subspan(20, header - 20)) + raw("data", l4.subspan(header));
}

std::string udp_text(View l4, std::uint16_t pseudo) {
    const auto checksum =
        get16(l4, 6) == 0 ? std::string("no checksum") : checksum_text(get16(l4, 6), folded_sum(l4, pseudo));
    return fmt::format("\nudp {} > {} length {} {}", get16(l4, 0), get16(l4, 2), get16(l4, 4), checksum) +
           raw("data", l4.subspan(8));
}

std::string ipv4_header_text(View ip, std::size_t header) {
    return fmt::format("\nipv4 {} > {} ttl {} protocol {} length {} id 0x{:04x} fragment 0x{:04x} tos {} {}",
                       text(get<4>(ip, 12)), text(get<4>(ip, 16)), ip[8], ip[9], get16(ip, 2), get16(ip, 4),
                       get16(ip, 6), ip[1], checksum_text(get16(ip, 10), folded_sum(ip.first(header)))) +
           raw("options", ip.subspan(20, header - 20));
}

std::string ipv6_header_text(View ip) {
    return fmt::format("\nipv6 {} > {} hop limit {} next header {} payload length {} traffic class {} flow 0x{:05x}",
                       text(get<16>(ip, 8)), text(get<16>(ip, 24)), ip[7], ip[6], get16(ip, 4),
                       get32(ip, 0) >> 20 & 0xff, get32(ip, 0) & 0xfffff);
}

// What an ICMP error is about. Cut off anywhere, so its L4 checksum cannot be told.
std::string quote_text(View ip) {
    const std::size_t header = ip.empty() || ip[0] >> 4 == 6 ? ipv6_header : static_cast<std::size_t>(ip[0] & 15) * 4;
    if (header < 20 || ip.size() < header) {
        return raw("data", ip);
    }
    return "\nquotes" + (ip[0] >> 4 == 6 ? ipv6_header_text(ip) : ipv4_header_text(ip, header)) +
           raw("quoted", ip.subspan(header));
}

std::string icmp_text(View l4, bool v6, std::uint16_t pseudo) {
    const View rest = l4.subspan(8);
    const bool error = v6 ? l4[0] < 128 : l4[0] == 3 || l4[0] == 11 || l4[0] == 12;
    return fmt::format("\n{} type {} code {} {} {} {}", v6 ? "icmpv6" : "icmp", l4[0], l4[1], get16(l4, 4),
                       get16(l4, 6), checksum_text(get16(l4, 2), folded_sum(l4, v6 ? pseudo : 0))) +
           (error ? quote_text(rest) : raw("data", rest));
}

std::string neighbour_text(View l4, std::uint16_t pseudo) {
    return fmt::format("\n{} for {} code {} flags 0x{:08x} {}", l4[0] == 135 ? "solicitation" : "advertisement",
                       text(get<16>(l4, 8)), l4[1], get32(l4, 4), checksum_text(get16(l4, 2), folded_sum(l4, pseudo))) +
           raw("options", l4.subspan(24));
}

std::string l4_text(View l4, unsigned protocol, std::uint16_t pseudo) {
    if (protocol == 6 && l4.size() >= 20) {
        return tcp_text(l4, pseudo);
    }
    if (protocol == 17 && l4.size() >= 8) {
        return udp_text(l4, pseudo);
    }
    if (protocol == 58 && l4.size() >= 24 && (l4[0] == 135 || l4[0] == 136)) {
        return neighbour_text(l4, pseudo);
    }
    if ((protocol == 1 || protocol == 58) && l4.size() >= 8) {
        return icmp_text(l4, protocol == 58, pseudo);
    }
    return raw("data", l4);
}

std::string ipv4_text(View ip) {
    const std::size_t header = static_cast<std::size_t>(ip[0] & 15) * 4;
    const std::size_t length = get16(ip, 2);
    if (header < 20 || header > ip.size() || length < header || length > ip.size()) {
        return raw("ipv4 with wrong lengths", ip);
    }
    const View l4 = ip.subspan(header, length - header);
    const bool piece = (get16(ip, 6) & 0x3fff) != 0;
    return ipv4_header_text(ip, header) +
           (piece ? raw("piece", l4)
                  : l4_text(l4, ip[9], pseudo_sum(get<4>(ip, 12), get<4>(ip, 16), ip[9], l4.size()))) +
           raw("padding", ip.subspan(length));
}

bool is_extension(unsigned header) {
    return header == 0 || header == 43 || header == 44 || header == 60;
}

std::string ipv6_text(View ip) {
    const std::size_t length = ipv6_header + get16(ip, 4);
    if (length > ip.size()) {
        return raw("ipv6 with a wrong length", ip);
    }
    auto out = ipv6_header_text(ip);
    unsigned next = ip[6];
    View rest = ip.subspan(ipv6_header, length - ipv6_header);
    bool piece = false;
    while (is_extension(next) && rest.size() >= 8) {
        const std::size_t size = next == 44 ? 8 : std::min((rest[1] + std::size_t{1}) * 8, rest.size());
        piece = piece || (next == 44 && (get16(rest, 2) & 0xfff9) != 0);
        out += raw(fmt::format("extension header {}, next header {}", next, rest[0]), rest.first(size));
        next = rest[0];
        rest = rest.subspan(size);
    }
    const auto protocol = static_cast<std::uint8_t>(next);
    return out +
           (piece ? raw("piece", rest)
                  : l4_text(rest, next, pseudo_sum(get<16>(ip, 8), get<16>(ip, 24), protocol, rest.size()))) +
           raw("padding", ip.subspan(length));
}

std::string arp_text(View arp) {
    return fmt::format("\narp operation {} {} ({}) asks for {} ({})", get16(arp, 6), text(get<4>(arp, 14)),
                       text(get<6>(arp, 8)), text(get<4>(arp, 24)), text(get<6>(arp, 18))) +
           raw("padding", arp.subspan(28));
}

} // namespace

std::uint16_t folded_sum(View bytes, std::uint32_t start) {
    std::uint64_t sum = start;
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        sum += static_cast<std::uint64_t>(bytes[i] << 8) + (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(sum);
}

std::uint16_t pseudo_sum(Ip source, Ip destination, std::uint8_t protocol, std::size_t l4_bytes) {
    return folded_sum(source, folded_sum(destination, static_cast<std::uint32_t>(protocol + l4_bytes)));
}

std::uint16_t pseudo_sum(const Ip6& source, const Ip6& destination, std::uint8_t protocol, std::size_t l4_bytes) {
    return folded_sum(source, folded_sum(destination, static_cast<std::uint32_t>(protocol + l4_bytes)));
}

std::string text(Ip address) {
    return fmt::format("{}", fmt::join(address, "."));
}
std::string text(const Ip6& address) {
    std::array<char, INET6_ADDRSTRLEN> out{};
    return ::inet_ntop(AF_INET6, address.data(), out.data(), out.size());
}
std::string text(const Mac& mac) {
    return fmt::format("{:02x}", fmt::join(mac, ":"));
}

std::string describe(const Frame& frame) {
    const View bytes = frame.bytes;
    if (bytes.size() < 14) {
        return raw("short frame", bytes);
    }
    const View rest = bytes.subspan(14);
    const unsigned type = get16(bytes, 12);
    auto out = fmt::format("ethernet {} > {} type 0x{:04x}", text(get<6>(bytes, 6)), text(get<6>(bytes, 0)), type);
    if (type == 0x0800 && rest.size() >= 20) {
        return out + ipv4_text(rest);
    }
    if (type == 0x86dd && rest.size() >= ipv6_header) {
        return out + ipv6_text(rest);
    }
    if (type == 0x0806 && rest.size() >= 28) {
        return out + arp_text(rest);
    }
    return out + raw("data", rest);
}

std::ostream& operator<<(std::ostream& out, const Frame& frame) {
    return out << '\n' << describe(frame) << '\n';
}

} // namespace proxip::packet
