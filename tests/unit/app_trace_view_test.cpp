// What the tracer saw, in words.

#include <catch2/catch.hpp>

#include <vector>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "app/trace_view.hpp"
#include "policy/abi.hpp"

namespace app_trace_view_test {
namespace {

namespace abi = proxip::abi;
namespace app = proxip::app;
namespace policy = proxip::policy;
using proxip::SocketAddress;

const app::TraceNames names{[](std::uint32_t index) { return "eth" + std::to_string(index); },
                            [](const abi::abi_hop& hop) { return std::uint32_t{hop.iface}; },
                            [](std::uint32_t id) { return "service" + std::to_string(id); }};

abi::abi_tuple tuple(const char* source, const char* destination) {
    const auto from = SocketAddress::parse(source).value();
    const auto to = SocketAddress::parse(destination).value();
    abi::abi_tuple out{};
    out.source = policy::to_abi(from.address);
    out.destination = policy::to_abi(to.address);
    out.source_port_be = policy::swap_port(from.port);
    out.destination_port_be = policy::swap_port(to.port);
    out.family = policy::to_abi(from.address.family);
    out.protocol = IPPROTO_TCP;
    return out;
}

abi::abi_traced syn() {
    abi::abi_traced out{};
    out.ns = 5;
    out.in = tuple("1.1.1.100:4000", "1.1.1.80:80");
    out.ethertype_be = policy::swap_port(ETH_P_IP);
    out.tcp_flags = 2;
    out.ifindex = 2;
    out.length = 74;
    out.verdict = XDP_PASS;
    return out;
}

std::uint64_t counted(std::initializer_list<abi::abi_reason> reasons) {
    std::uint64_t out = 0;
    for (const auto reason : reasons) {
        out |= std::uint64_t{1} << reason;
    }
    return out;
}

proxip::api::Packet view(const abi::abi_traced& traced, bool frames = false) {
    static const std::vector<std::uint8_t> bytes{2, 0, 0, 0, 0, 7, 1, 1, 1, 1, 1, 1, 8, 0};
    return app::packet_view({.traced = traced,
                             .in = bytes,
                             .out = traced.out_captured != 0 ? std::span(bytes) : std::span<const std::uint8_t>{}},
                            1'700'000'000'000'000'000, frames, names);
}

TEST_CASE("traced: a new connection, redirected") {
    auto traced = syn();
    traced.verdict = XDP_REDIRECT;
    traced.out = tuple("1.1.1.254:1024", "1.1.1.11:80");
    traced.known = 1;
    traced.service = 3;
    traced.hop = {.mac = {9, 9, 9, 9, 9, 9}, .iface = 4};
    traced.out_captured = 14;
    const auto packet = view(traced, true);
    CHECK(packet.time == "2023-11-14T22:13:20.000000005Z");
    CHECK(packet.nanos == 1'700'000'000'000'000'005);
    CHECK(packet.interface == "eth2");
    CHECK(packet.in.source == "1.1.1.100:4000");
    CHECK(packet.out->destination == "1.1.1.11:80");
    CHECK(packet.flags == "S");
    CHECK(packet.verdict == "forward");
    CHECK(packet.reason == "new");
    CHECK(packet.service == "service3");
    CHECK(packet.direction == "in");
    REQUIRE(packet.next_hop.has_value());
    CHECK(packet.next_hop->interface == "eth4");
    CHECK(packet.next_hop->mac == "02:00:00:00:00:07"); // the frame's own
    CHECK(packet.next_hop->via == "redirect");
    CHECK(packet.frame.has_value());
    CHECK(packet.out_frame.has_value());
}

TEST_CASE("traced: on to the clsact program") {
    auto traced = syn();
    traced.marked = abi::ABI_TRACE_TO_CLSACT;
    traced.known = traced.known_before = 1;
    traced.direction = abi::ABI_REPLY;
    traced.tcp_flags = 0x12;
    traced.hop = {.mac = {2, 0, 0, 0, 0, 9}, .iface = 4};
    const auto packet = view(traced);
    CHECK(packet.verdict == "forward");
    CHECK(packet.reason == "connection");
    CHECK(packet.direction == "out");
    CHECK(packet.flags == "SA");
    CHECK(packet.next_hop->via == "tc");
    CHECK(packet.next_hop->mac == "02:00:00:00:00:09");
    CHECK_FALSE(packet.frame.has_value());
    traced.marked = abi::ABI_TRACE_LEFT;
    CHECK(view(traced).verdict == "left");
}

TEST_CASE("traced: drops, answers and what passes") {
    struct Row {
        std::uint64_t reasons;
        std::uint32_t xdp;
        const char* verdict;
        const char* reason;
        std::optional<std::string> answer;
    };
    const Row rows[] = {
        {counted({abi::ABI_NO_BACKEND, abi::ABI_ANSWERED_RST}), XDP_TX, "drop", "no_backend_available", "tcp-rst"},
        {counted({abi::ABI_PORTS_EXHAUSTED}), XDP_DROP, "drop", "proxy_ports_exhausted", {}},
        {counted({abi::ABI_TOO_BIG, abi::ABI_ANSWERED_ICMP}), XDP_REDIRECT, "drop", "packet_too_big", "icmp"},
        {counted({abi::ABI_ANSWERED_ECHO}), XDP_TX, "answer", "", "echo"},
        {counted({abi::ABI_ANSWERED_ND}), XDP_TX, "answer", "", "arp"},
        {counted({abi::ABI_PASSED}), XDP_PASS, "pass", "passed", {}},
        {counted({abi::ABI_PASSED_TAGGED}), XDP_PASS, "pass", "passed_vlan_tagged", {}},
        {counted({abi::ABI_ICMP_TRANSLATED}), XDP_REDIRECT, "forward", "icmp_translated", {}},
        {counted({abi::ABI_PORT_RECLAIMED}), XDP_REDIRECT, "forward", "new", {}},
        {0, XDP_ABORTED, "drop", "aborted", {}},
    };
    for (const Row& row : rows) {
        auto traced = syn();
        traced.reasons = row.reasons;
        traced.verdict = row.xdp;
        const auto packet = view(traced);
        CHECK(packet.verdict == row.verdict);
        CHECK(packet.reason == row.reason);
        CHECK(packet.answer == row.answer);
        CHECK_FALSE(packet.service.has_value());
    }
}

TEST_CASE("traced: other protocols") {
    auto traced = syn();
    traced.in.protocol = IPPROTO_ICMP;
    CHECK(view(traced).protocol == "icmp");
    CHECK(view(traced).in.source == "1.1.1.100");
    CHECK(view(traced).flags.empty());
    traced.ethertype_be = policy::swap_port(ETH_P_ARP);
    CHECK(view(traced).protocol == "arp");
    traced.in = {};
    traced.ethertype_be = policy::swap_port(0x88cc);
    CHECK(view(traced).protocol == "0x88cc");
    CHECK(view(traced).in.source.empty());
    traced.in = tuple("[2001:db8::1]:1", "[2001:db8::2]:2");
    traced.ethertype_be = policy::swap_port(ETH_P_IPV6);
    CHECK(view(traced).in.destination == "[2001:db8::2]:2");
    traced.tcp_flags = 0;
    CHECK(view(traced).flags == ".");
}

} // namespace
} // namespace app_trace_view_test
