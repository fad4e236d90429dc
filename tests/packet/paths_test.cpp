// How long each path takes, by BPF_PROG_RUN: `proxip_packet_tests "[paths]"`. Not a test: nothing is asserted of the
// times. All that a path touches is in the caches, and one frame is run at a time, so that the figures say what code
// costs, not what traffic does (tests/bench).

#include <algorithm>
#include <functional>
#include <iostream>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "packet/rig.hpp"

namespace proxip::packet {

namespace paths_test {
namespace {

constexpr int runs = 4001;

double median_of(const std::function<Outcome()>& run, Verdict verdict) {
    std::vector<std::uint32_t> all;
    for (int n = 0; n < runs; ++n) {
        const Outcome out = run();
        REQUIRE(out.verdict == verdict);
        all.push_back(out.ns);
    }
    std::ranges::nth_element(all, all.begin() + runs / 2);
    return all[runs / 2];
}

class Table {
  public:
    explicit Table(const Rig& rig)
        : of_a_run_(median_of([&] { return run_xdp(rig.program("proxip_probe"), rig.front, Frame{Bytes(14)}); },
                              Verdict::drop)) {
        std::cout << "| path | ns |\n|---|---|\n";
    }
    void line(std::string_view path, Verdict verdict, const std::function<Outcome()>& run) const {
        std::cout << fmt::format("| {} | {:.0f} |\n", path, median_of(run, verdict) - of_a_run_);
    }

  private:
    double of_a_run_; // of a program that does nothing
};

Frame from_port(int n, std::uint8_t flags) { // a client's, each with another port
    return Ethernet{} / Ipv4{} / Tcp{.source = static_cast<std::uint16_t>(1024 + n), .flags = flags};
}

} // namespace

TEST_CASE("time per path", "[.paths]") {
    const Rig rig;
    const Table table(rig);
    const auto client = [&](std::string_view path, Verdict verdict, const Frame& frame) {
        table.line(path, verdict, [&] { return rig.from_client(frame); });
    };
    const auto port = rig.establish();
    const auto udp_port = rig.open_udp();

    client("known, TCP, client to backend", Verdict::redirect, Ethernet{} / Ipv4{} / Tcp{});
    table.line("known, TCP, backend to client", Verdict::redirect, [&] {
        return rig.from_backend(from_backend() / reply_ip() / Tcp{.source = backend_port, .destination = port});
    });
    client("known, UDP, client to backend", Verdict::redirect, Ethernet{} / Ipv4{} / Udp{});
    table.line("known, UDP, backend to client", Verdict::redirect, [&] {
        return rig.from_backend(from_backend() / reply_ip() / Udp{.source = backend_dns_port, .destination = udp_port});
    });
    client("known, TCP, DF=0: an IP ID of its own", Verdict::redirect,
           Ethernet{} / Ipv4{.dont_fragment = false} / Tcp{});
    int opened = 0;
    table.line("new connection", Verdict::redirect, [&] { return rig.from_client(from_port(opened++, Syn)); });
    int refused = 0;
    table.line("no connection, no SYN: RST", Verdict::redirect,
               [&] { return rig.from_client(from_port(60000 - 1024 - (refused++ % 4096), Ack)); });
    client("ping of a VIP", Verdict::redirect, Ethernet{} / Ipv4{} / Icmp{.type = 8, .code = 0} / Payload{32});
    client("ARP for a VIP", Verdict::redirect, Ethernet{.destination = broadcast_mac} / Arp{} / Padding{18});
    client("not ours: another's MAC", Verdict::pass,
           Ethernet{.destination = stranger_mac} / Ipv4{.destination = stranger} / Tcp{});
    client("not ours: another's address", Verdict::pass, Ethernet{} / Ipv4{.destination = stranger} / Tcp{});
}

} // namespace paths_test

} // namespace proxip::packet
