#include "app/trace_view.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "api/base64.hpp"
#include "net/netlink.hpp"
#include "policy/abi.hpp"

namespace proxip::app {

namespace {

struct Reason {
    std::string_view name;
    bool drop;
};

constexpr auto reason_table() {
    std::array<Reason, abi::ABI_REASON_COUNT> table{};
#define PROXIP_DROP(id, symbol, name, help) table[id] = {name, true};
#define PROXIP_EVENT(id, symbol, name, help) table[id] = {name, false};
    ABI_REASONS(PROXIP_DROP, PROXIP_EVENT)
#undef PROXIP_DROP
#undef PROXIP_EVENT
    return table;
}
constexpr auto reasons = reason_table();

bool counted(const abi::abi_traced& traced, abi::abi_reason reason) {
    return (traced.reasons >> reason & 1U) != 0;
}

std::optional<std::string_view> drop_reason(const abi::abi_traced& traced) {
    for (std::size_t i = 0; i < reasons.size(); ++i) {
        if ((traced.reasons >> i & 1U) != 0 && reasons[i].drop) {
            return reasons[i].name;
        }
    }
    return std::nullopt;
}

std::optional<std::string> answer_of(const abi::abi_traced& traced) {
    constexpr std::pair<abi::abi_reason, const char*> answers[] = {{abi::ABI_ANSWERED_RST, "tcp-rst"},
                                                                   {abi::ABI_ANSWERED_ICMP, "icmp"},
                                                                   {abi::ABI_ANSWERED_ARP, "arp"},
                                                                   {abi::ABI_ANSWERED_ND, "arp"},
                                                                   {abi::ABI_ANSWERED_ECHO, "echo"}};
    for (const auto& [reason, name] : answers) {
        if (counted(traced, reason)) {
            return name;
        }
    }
    return std::nullopt;
}

struct Verdict {
    std::string_view verdict;
    std::string_view reason;
};

Verdict verdict_of(const abi::abi_traced& traced) {
    if (traced.marked == abi::ABI_TRACE_LEFT) {
        return {"left", "clsact"};
    }
    if (const auto reason = drop_reason(traced)) {
        return {"drop", *reason};
    }
    if (traced.verdict == XDP_ABORTED || traced.verdict == XDP_DROP) {
        return {"drop", traced.verdict == XDP_DROP ? "not_counted" : "aborted"};
    }
    if (counted(traced, abi::ABI_PASSED_TAGGED)) {
        return {"pass", "passed_vlan_tagged"};
    }
    if (counted(traced, abi::ABI_PASSED)) {
        return {"pass", "passed"};
    }
    if (counted(traced, abi::ABI_ICMP_TRANSLATED)) {
        return {"forward", "icmp_translated"};
    }
    if (counted(traced, abi::ABI_FRAGMENTS)) {
        return {"forward", "fragments_translated"};
    }
    if (answer_of(traced)) {
        return {"answer", ""};
    }
    return {"forward", traced.known_before != 0 ? "connection" : "new"};
}

std::string protocol_text(const abi::abi_traced& traced) {
    const std::uint16_t type = policy::swap_port(traced.ethertype_be);
    if (type == ETH_P_ARP) {
        return "arp";
    }
    if (traced.in.family == 0) {
        return fmt::format("0x{:04x}", type);
    }
    switch (traced.in.protocol) {
    case IPPROTO_TCP: return "tcp";
    case IPPROTO_UDP: return "udp";
    case IPPROTO_ICMP: return "icmp";
    case IPPROTO_ICMPV6: return "icmp6";
    default: return fmt::format("ip-{}", traced.in.protocol);
    }
}

std::string flags_text(const abi::abi_traced& traced) {
    constexpr std::string_view letters = "FSRPAUEC"; // the lowest bit first (RFC 9293 section 3.1)
    std::string text;
    if (traced.in.protocol != IPPROTO_TCP) {
        return text;
    }
    for (std::size_t i = 0; i < letters.size(); ++i) {
        if ((traced.tcp_flags >> i & 1U) != 0) {
            text += letters[i];
        }
    }
    return text.empty() ? "." : text;
}

std::string end_text(const abi::abi_address& address, std::uint16_t port_be, const abi::abi_tuple& tuple) {
    if (tuple.family == 0) {
        return "";
    }
    const Address readable = policy::from_abi(address, tuple.family);
    const bool ports = tuple.protocol == IPPROTO_TCP || tuple.protocol == IPPROTO_UDP;
    return ports ? SocketAddress{readable, policy::swap_port(port_be)}.text() : readable.text();
}

api::Packet::Tuple tuple_view(const abi::abi_tuple& tuple) {
    return {.source = end_text(tuple.source, tuple.source_port_be, tuple),
            .destination = end_text(tuple.destination, tuple.destination_port_be, tuple)};
}

std::optional<api::Explain::NextHop> next_hop(const dataplane::TracedPacket& packet, std::string_view verdict,
                                              const TraceNames& names) {
    const abi::abi_traced& traced = packet.traced;
    const std::uint32_t link = traced.hop.iface == 0 ? 0 : names.link_of(traced.hop);
    if (verdict != "forward" || link == 0) {
        return std::nullopt;
    }
    net::Mac mac{}; // as it is in the frame, where it is there
    std::copy_n(traced.hop.mac, mac.size(), mac.begin());
    if (packet.out.size() >= mac.size()) {
        std::copy_n(packet.out.begin(), mac.size(), mac.begin());
    }
    return api::Explain::NextHop{.interface = names.link(link),
                                 .mac = net::mac_text(mac),
                                 .via = traced.marked == abi::ABI_TRACE_NOT_MARKED ? "redirect" : "tc"};
}

} // namespace

std::string nanos_text(std::uint64_t nanos) {
    constexpr std::uint64_t second = 1'000'000'000;
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(static_cast<std::time_t>(nanos / second)),
                       nanos % second);
}

api::Packet packet_view(const dataplane::TracedPacket& packet, std::uint64_t epoch, bool frames,
                        const TraceNames& names) {
    const abi::abi_traced& traced = packet.traced;
    const auto [verdict, reason] = verdict_of(traced);
    api::Packet out;
    out.nanos = epoch + traced.ns;
    out.time = nanos_text(out.nanos);
    out.interface = names.link(traced.ifindex);
    out.protocol = protocol_text(traced);
    out.in = tuple_view(traced.in);
    if (traced.out.family != 0) {
        out.out = tuple_view(traced.out);
    }
    out.length = traced.length;
    out.out_length = traced.out_length;
    out.flags = flags_text(traced);
    out.verdict = verdict;
    out.reason = reason;
    out.answer = answer_of(traced);
    if (traced.known != 0) {
        out.service = names.service(traced.service);
        out.direction = traced.direction == abi::ABI_ORIGINAL ? "in" : "out";
    }
    out.next_hop = next_hop(packet, verdict, names);
    if (frames) {
        if (!packet.in.empty()) {
            out.frame = api::to_base64(packet.in);
        }
        if (!packet.out.empty()) {
            out.out_frame = api::to_base64(packet.out);
        }
    }
    return out;
}

} // namespace proxip::app
