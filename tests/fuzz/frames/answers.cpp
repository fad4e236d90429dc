// What the load balancer itself says goes back to who asked, and is a packet in good order.

#include <algorithm>

#include <fmt/format.h>

#include "fuzz/frames/oracle.hpp"
#include "packet/packet.hpp"

namespace proxip::fuzz {

namespace {

constexpr unsigned hops_of_answers = 64;
constexpr std::uint8_t reset = 4;
constexpr std::uint8_t ack = 16;

bool goes_back(const Sent& sent, const Frame& out) {
    return same(part(out.bytes, 0, 6), part(sent.frame.bytes, 6, 6)) && same(part(out.bytes, 6, 6), mac_of(sent.side));
}

// Addresses turned round, sums right, hop limit fresh.
std::string judge_ip(const Sent& sent, const Frame& out, const Reading& r, bool echo) {
    const Reading& asked = sent.reading;
    if (r.kind == Kind::malformed || r.v6 != asked.v6) {
        return "an answer that cannot be read";
    }
    if (!same(source_of(out, r), destination_of(sent.frame, asked)) ||
        !same(destination_of(out, r), source_of(sent.frame, asked))) {
        return "an answer with other addresses";
    }
    if (out.bytes[r.hops()] != hops_of_answers) {
        return "an answer with another hop limit";
    }
    // An echo is the packet itself, as wrong as it came.
    const bool sound = r.v6 || header_excess(out.bytes, r) == 0 ||
                       (echo && header_excess(out.bytes, r) == header_excess(sent.frame.bytes, asked));
    return sound ? "" : "an answer with a wrong IPv4 checksum";
}

bool is_unicast(View source) {
    if (source.size() == 4) {
        return source[0] != 0 && source[0] != 127 && source[0] < 224;
    }
    constexpr packet::Ip6 any{};
    constexpr packet::Ip6 loopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return source[0] != 0xff && !same(source, any) && !same(source, loopback);
}

// RFC 9293 section 3.10.7.1.
std::string judge_reset(const Sent& sent, const Frame& out, const Reading& r) {
    const View asked = View(sent.frame.bytes).subspan(sent.reading.l4, sent.reading.l4_bytes);
    const View told = View(out.bytes).subspan(r.l4);
    if (r.kind != Kind::flow || r.is_udp() || told.size() != 20 || get16(told, 0) != get16(asked, 2) ||
        get16(told, 2) != get16(asked, 0)) {
        return "not a TCP reset of that connection";
    }
    const bool had_ack = (asked[13] & ack) != 0;
    const auto data = asked.size() - std::size_t{4} * (asked[12] >> 4);
    const auto next = static_cast<std::uint32_t>(get32(asked, 4) + data + (asked[13] >> 1 & 1U) + (asked[13] & 1U));
    if (told[13] != (had_ack ? reset : reset | ack) || get32(told, 4) != (had_ack ? get32(asked, 8) : 0) ||
        get32(told, 8) != (had_ack ? 0 : next)) {
        return "a reset that the client does not accept";
    }
    return l4_excess(out.bytes, r, told.size()) == 0 ? "" : "a reset with a wrong checksum";
}

std::string judge_icmp(const Scene& scene, const Sent& sent, const Shot& shot, const Reading& r) {
    const Reading& asked = sent.reading;
    const View told = View(shot.frame.bytes).subspan(r.l4);
    const abi::abi_reason reason = shot.drop_reason();
    // 576 bytes in all (RFC 1812 section 4.3.2.3), 1280 (RFC 4443 section 2.4)
    const std::size_t most = (r.v6 ? 1280U : 576U) - (r.v6 ? 48U : 28U);
    if (r.kind != Kind::icmp || told.size() != 8 + std::min(most, asked.ip_bytes) ||
        !same(told.subspan(8), part(sent.frame.bytes, asked.ip, told.size() - 8))) {
        return "an ICMP error that does not quote what it is about";
    }
    const unsigned what = told[0] * 256U + told[1];
    const unsigned expected = reason == abi::ABI_TTL_EXPIRED   ? (r.v6 ? 0x300U : 0xb00U)
                              : reason == abi::ABI_TOO_BIG     ? (r.v6 ? 0x200U : 0x304U)
                              : reason == abi::ABI_NO_NEXT_HOP ? (r.v6 ? 0x103U : 0x301U)
                                                               : (r.v6 ? 0x104U : 0x303U);
    const std::uint32_t rest = get32(told, 4);
    const bool has_mtu = rest == scene.mtu[0] || rest == scene.mtu[1];
    if (what != expected || (reason == abi::ABI_TOO_BIG ? !has_mtu : rest != 0)) {
        return fmt::format("ICMP type and code 0x{:04x} {} for drop reason {}", what, rest, static_cast<int>(reason));
    }
    return l4_excess(shot.frame.bytes, r, told.size()) == 0 ? "" : "an ICMP error with a wrong checksum";
}

// The same with the other type, and as right as it was.
std::string judge_echo(const Sent& sent, const Frame& out, const Reading& r) {
    const Reading& asked = sent.reading;
    const View before = View(sent.frame.bytes).subspan(asked.l4);
    const View now = View(out.bytes).subspan(asked.l4);
    if (r.kind != Kind::icmp || out.bytes.size() != sent.frame.bytes.size() || before[0] != (r.v6 ? 128 : 8) ||
        now[0] != (r.v6 ? 129 : 0) || now[1] != before[1] || !same(now.subspan(4), before.subspan(4))) {
        return "not the echo of what was sent";
    }
    return l4_excess(out.bytes, r, r.l4_bytes) == l4_excess(sent.frame.bytes, asked, asked.l4_bytes)
               ? ""
               : "an echo whose checksum is wrong by another amount";
}

std::string judge_arp(const Sent& sent, const Frame& out) {
    Frame expected = sent.frame;
    const auto at = [&](std::size_t offset) { return expected.bytes.begin() + static_cast<std::ptrdiff_t>(offset); };
    const packet::Mac& own = mac_of(sent.side);
    const bool asks = get16(sent.frame.bytes, 20) == 1 && is_ours(part(sent.frame.bytes, 38, 4));
    std::copy_n(at(6), 6, at(0));
    std::ranges::copy(own, at(6));
    set16(expected.bytes, 20, 2);
    std::swap_ranges(at(22), at(32), at(32));
    std::ranges::copy(own, at(22));
    return asks && out == expected ? "" : "a wrong ARP reply, or to something else";
}

// RFC 4861 sections 4.4 and 7.2.4.
std::string judge_nd(const Sent& sent, const Frame& out) {
    const Reading& asked = sent.reading;
    const View target = part(sent.frame.bytes, asked.l4 + 8, 16);
    const View source = source_of(sent.frame, asked);
    const bool probe = std::ranges::all_of(source, [](std::uint8_t byte) { return byte == 0; });
    constexpr packet::Ip6 all_nodes = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    constexpr packet::Mac all_nodes_mac = {0x33, 0x33, 0, 0, 0, 1};
    packet::Ip6 to{};
    packet::Ip6 from{};
    packet::Mac mac{};
    std::ranges::copy(source, to.begin());
    std::ranges::copy(target, from.begin());
    std::ranges::copy(part(sent.frame.bytes, 6, 6), mac.begin());
    const Frame expected =
        packet::Ethernet{.destination = probe ? all_nodes_mac : mac, .source = mac_of(sent.side)} /
        packet::Ipv6{.source = from, .destination = probe ? all_nodes : to, .hop_limit = 255, .flow_label = 0} /
        packet::Advertisement{.target = from, .target_mac = mac_of(sent.side), .solicited = !probe};
    const bool asks = sent.frame.bytes[asked.l4] == 135 && sent.frame.bytes[asked.hops()] == 255 && is_ours(target) &&
                      l4_excess(sent.frame.bytes, asked, asked.l4_bytes) == 0;
    return asks && out == expected ? "" : "a wrong advertisement, or to something else";
}

} // namespace

std::string judge_answer(const Scene& scene, const Sent& sent, const Shot& shot) {
    const Frame& out = shot.frame;
    if (shot.counted[abi::ABI_ANSWERED_ND] != 0) {
        return judge_nd(sent, out);
    }
    if (!goes_back(sent, out)) {
        return "an answer that does not go back to who asked";
    }
    if (shot.counted[abi::ABI_ANSWERED_ARP] != 0) {
        return judge_arp(sent, out);
    }
    packet::Mac receiver{};
    std::copy_n(out.bytes.begin(), 6, receiver.begin());
    const Reading r = read(out.bytes, receiver);
    if (!is_unicast(source_of(sent.frame, sent.reading))) {
        return "an answer to an address that no host can have";
    }
    if (std::string wrong = judge_ip(sent, out, r, shot.counted[abi::ABI_ANSWERED_ECHO] != 0); !wrong.empty()) {
        return wrong;
    }
    if (shot.counted[abi::ABI_ANSWERED_RST] != 0) {
        return judge_reset(sent, out, r);
    }
    return shot.counted[abi::ABI_ANSWERED_ICMP] != 0 ? judge_icmp(scene, sent, shot, r) : judge_echo(sent, out, r);
}

} // namespace proxip::fuzz
