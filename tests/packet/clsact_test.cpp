#include <catch2/catch.hpp>

#include "packet/rig.hpp"

// The way out where XDP redirect cannot be: a mark, and the clsact program.

namespace proxip::packet {

namespace {

constexpr int tc_unspec = -1;
constexpr int tc_redirect = 7;

// XDP redirect is not possible towards the backend.
struct NoRedirect : Rig {
    explicit NoRedirect(const Config& config = basic_config()) : Rig(config) {
        flags(back, 0, abi::ABI_IFACE_REDIRECT_OUT);
    }
};

// No metadata room either: the clsact program looks for the connection itself.
struct NoMetadata : NoRedirect {
    NoMetadata() {
        flags(front, abi::ABI_IFACE_NO_METADATA, 0);
        flags(back, abi::ABI_IFACE_NO_METADATA, 0);
    }
    [[nodiscard]] SkbOutcome tc(std::uint32_t ifindex, const Frame& frame) const {
        return run_skb(program("proxip_tc"), ifindex, frame);
    }
};

} // namespace

TEST_CASE("a frame that cannot be redirected passes untouched, with a mark of its connection", "[clsact]") {
    const NoRedirect rig;
    const Frame frame = Ethernet{} / Ipv4{} / Tcp{.flags = Syn};
    const Outcome out = rig.from_client(frame);
    CHECK(out.verdict == Verdict::pass);
    CHECK(out.frame == frame);
    REQUIRE(out.mark.has_value());
    CHECK(out.mark->magic == rig.magic());
    CHECK(out.mark->kind == abi::ABI_MARK_ORIGINAL);
    CHECK(rig.count(abi::ABI_PASSED) == 0);

    const auto port = rig.connection_of(client_port)->proxy->port;
    rig.flags(rig.back, 0, abi::ABI_IFACE_REDIRECT_IN);
    const Outcome reply = rig.from_backend(from_backend() / reply_ip() /
                                           Tcp{.source = backend_port, .destination = port, .flags = Syn | Ack});
    REQUIRE(reply.mark.has_value());
    CHECK(reply.mark->kind == abi::ABI_MARK_REPLY);
    CHECK(reply.mark->slot == out.mark->slot);
    CHECK(reply.mark->generation == out.mark->generation);
    CHECK(rig.connection_of(client_port)->in.packets == 1);
    CHECK(rig.connection_of(client_port)->out.packets == 1);
}

TEST_CASE("marks are the same for every packet of a direction, so that GRO can merge", "[clsact]") {
    const NoRedirect rig;
    const auto first = rig.from_client(Ethernet{} / Ipv4{} / Tcp{.flags = Syn}).mark.value();
    const auto second = rig.from_client(Ethernet{} / Ipv4{} / Tcp{} / Payload{100}).mark.value();
    CHECK(first.slot == second.slot);
    CHECK(first.generation == second.generation);
    CHECK(first.kind == second.kind);
}

TEST_CASE("an answer that cannot be redirected is marked to go back", "[clsact]") {
    const Rig rig;
    rig.flags(rig.front, 0, abi::ABI_IFACE_REDIRECT_IN);
    const Outcome out = rig.from_client(Ethernet{} / Ipv4{} / Icmp{.first = 1});
    CHECK(out.verdict == Verdict::pass);
    CHECK(out.frame == Frame(to_client() / Ipv4{.source = vip, .destination = client} / Icmp{.type = 0, .first = 1}));
    REQUIRE(out.mark.has_value());
    CHECK(out.mark->magic == rig.magic());
    CHECK(out.mark->kind == abi::ABI_MARK_READY);
    CHECK(out.mark->slot == rig.place_of(rig.front));
}

TEST_CASE("a packet larger than the MTU is left to the clsact program where XDP is generic", "[clsact]") {
    NoRedirect rig;
    rig.mtu(rig.back, 1400);
    rig.flags(rig.front, 0, abi::ABI_IFACE_REDIRECT_IN);
    rig.open();
    const Outcome out = rig.from_client(Ethernet{} / Ipv4{} / Tcp{} / Payload{1460});
    CHECK(out.verdict == Verdict::pass);
    CHECK(out.mark.has_value());
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("a driver without metadata room is found out", "[clsact]") {
    const NoRedirect rig;
    const int program = rig.program("proxip_xdp");
    rig.open();
    const Outcome out =
        run_xdp(program, rig.front, Ethernet{} / Ipv4{} / Tcp{.flags = Syn}, all_metadata(program, rig.front));
    CHECK(out.verdict == Verdict::pass); // the clsact program finds the connection
    CHECK((rig.flags_of(rig.front) & abi::ABI_IFACE_NO_METADATA) != 0);
}

TEST_CASE("without metadata the clsact program finds the connection, translates and redirects", "[clsact]") {
    const NoMetadata rig;
    (void)rig.from_client(Ethernet{} / Ipv4{} / Tcp{.flags = Syn});
    (void)rig.from_client(Ethernet{} / Ipv4{} / Udp{});
    std::uint16_t tcp_port = 0;
    std::uint16_t udp_port = 0;
    for (const auto& connection : rig.connections()) {
        (connection.protocol == Protocol::tcp ? tcp_port : udp_port) = connection.proxy->port;
    }
    for (const std::size_t size : {0U, 1U, 2U, 333U, 1000U}) {
        INFO("payload of " << size << " bytes");
        const Payload payload(size);
        const auto tcp = rig.tc(rig.front, Ethernet{} / Ipv4{} / Tcp{} / payload);
        CHECK(tcp.action == tc_redirect);
        CHECK(tcp.frame ==
              Frame(to_backend() / translated() / Tcp{.source = tcp_port, .destination = backend_port} / payload));
        const auto udp = rig.tc(rig.front, Ethernet{} / Ipv4{} / Udp{.checksum = 0} / payload);
        CHECK(udp.frame == Frame(to_backend() / translated() /
                                 Udp{.source = udp_port, .destination = backend_dns_port, .checksum = 0} / payload));
        const auto reply = rig.tc(rig.back, from_backend() / reply_ip() /
                                                Udp{.source = backend_dns_port, .destination = udp_port} / payload);
        CHECK(reply.frame ==
              Frame(to_client() / reply_translated() / Udp{.source = dns_port, .destination = client_port} / payload));
    }
    const Ipv4 options{.options = {1, 1, 1, 0}};
    CHECK(rig.tc(rig.front, Ethernet{} / options / Tcp{}).frame ==
          Frame(to_backend() / translated(options) / Tcp{.source = tcp_port, .destination = backend_port}));
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("the clsact program leaves alone what is not ours", "[clsact]") {
    const NoMetadata rig;
    (void)rig.from_client(Ethernet{} / Ipv4{} / Tcp{.flags = Syn});
    for (const Frame& frame : std::vector<Frame>{
             Ethernet{} / Ipv4{.destination = stranger} / Tcp{}, Ethernet{.destination = broadcast_mac} / Arp{},
             Ethernet{} / Ipv4{} / Tcp{.source = 50000}, Ethernet{} / Ipv4{} / Icmp{}}) {
        const auto out = rig.tc(rig.front, frame);
        CHECK(out.action == tc_unspec);
        CHECK(out.frame == frame);
    }
    rig.flags(rig.front, 0, abi::ABI_IFACE_NO_METADATA); // a frame without a mark is then one that XDP let pass
    CHECK(rig.tc(rig.front, Ethernet{} / Ipv4{} / Tcp{}).action == tc_unspec);
}

} // namespace proxip::packet
