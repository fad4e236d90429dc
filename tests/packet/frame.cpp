#include "packet/frame.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

std::string icmp_text(View l4) {
    return fmt::format("\nicmp type {} code {} {} {} {}", l4[0], l4[1], get16(l4, 4), get16(l4, 6),
                       checksum_text(get16(l4, 2), folded_sum(l4))) +
           raw("data", l4.subspan(8));
}

std::string l4_text(View ip, std::size_t header, std::size_t length) {
    const View l4 = ip.subspan(header, length - header);
    const auto pseudo = pseudo_sum(get<4>(ip, 12), get<4>(ip, 16), ip[9], l4.size());
    if (ip[9] == 6 && l4.size() >= 20) {
        return tcp_text(l4, pseudo);
    }
    if (ip[9] == 17 && l4.size() >= 8) {
        return udp_text(l4, pseudo);
    }
    if (ip[9] == 1 && l4.size() >= 8) {
        return icmp_text(l4);
    }
    return raw("data", l4);
}

std::string ip_text(View ip) {
    const std::size_t header = static_cast<std::size_t>(ip[0] & 15) * 4;
    const std::size_t length = get16(ip, 2);
    if (header < 20 || header > ip.size() || length < header || length > ip.size()) {
        return raw("ipv4 with wrong lengths", ip);
    }
    return fmt::format("\nipv4 {} > {} ttl {} protocol {} length {} id 0x{:04x} fragment 0x{:04x} tos {} {}",
                       text(get<4>(ip, 12)), text(get<4>(ip, 16)), ip[8], ip[9], length, get16(ip, 4), get16(ip, 6),
                       ip[1], checksum_text(get16(ip, 10), folded_sum(ip.first(header)))) +
           raw("options", ip.subspan(20, header - 20)) + l4_text(ip, header, length) +
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

std::string text(Ip address) {
    return fmt::format("{}", fmt::join(address, "."));
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
        return out + ip_text(rest);
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
