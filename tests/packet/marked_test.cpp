#include <catch2/catch.hpp>

#include <thread>

#include "packet/cable.hpp"
#include "packet/families.hpp"

// What the clsact program makes of a mark, on real frames.

namespace proxip::packet {

namespace {

struct MarkedRig : Rig {
    explicit MarkedRig(const Config& config = basic_config())
        : Rig(config), interface(front, program("proxip_tc")), client_side("front-peer"), backend_side("back-peer") {
        flags(back, 0, abi::ABI_IFACE_REDIRECT_OUT);
    }

    // As XDP decides it: the mark of the connection that the frame belongs to, new or not.
    [[nodiscard]] abi::abi_mark mark_of(const Frame& frame) const { return from_client(frame).mark.value(); }
    [[nodiscard]] bool comes_to_count(abi::abi_reason reason) const {
        for (int i = 0; i < 600 && count(reason) == 0; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return count(reason) == 1;
    }

    // NOLINTBEGIN(cppcoreguidelines-non-private-member-variables-in-classes)
    MarkedInterface interface;
    Cable client_side;
    Cable backend_side;
    // NOLINTEND(cppcoreguidelines-non-private-member-variables-in-classes)
};

const Frame syn = Ethernet{} / Ipv4{} / Tcp{.flags = Syn};

} // namespace

TEST_CASE("a marked frame is translated and sent on by the clsact program", "[marked]") {
    const MarkedRig rig;
    const auto mark = rig.mark_of(syn);
    const auto port = rig.connection_of(client_port)->proxy->port;
    for (const std::size_t size : {0U, 1U, 101U, 1000U}) {
        INFO("payload of " << size << " bytes");
        rig.client_side.send(marked(mark, Ethernet{} / Ipv4{} / Tcp{.flags = Psh | Ack} / Payload{size}));
        const auto sent = rig.backend_side.receive();
        REQUIRE(sent.has_value());
        CHECK(*sent == Frame(to_backend() / translated() /
                             Tcp{.source = port, .destination = backend_port, .flags = Psh | Ack} / Payload{size}));
    }
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("a frame marked as a reply goes back to the client", "[marked]") {
    const MarkedRig rig;
    auto mark = rig.mark_of(syn);
    mark.kind = abi::ABI_MARK_REPLY;
    const auto port = rig.connection_of(client_port)->proxy->port;
    rig.client_side.send(
        marked(mark, Ethernet{} / reply_ip() / Tcp{.source = backend_port, .destination = port} / Payload{33}));
    const auto sent = rig.client_side.receive();
    REQUIRE(sent.has_value());
    CHECK(*sent ==
          Frame(to_client() / reply_translated() / Tcp{.source = web_port, .destination = client_port} / Payload{33}));
}

TEST_CASE("a frame that is marked as ready leaves as it is, by the interface that the mark names", "[marked]") {
    const MarkedRig rig;
    const Frame ready = to_client() / Ipv4{.source = vip, .destination = client} / Icmp{.type = 0};
    const auto send_ready = [&](std::uint32_t place) {
        rig.client_side.send(
            marked({.magic = rig.magic(), .slot = place, .generation = 0, .kind = abi::ABI_MARK_READY}, ready));
    };
    SECTION("back where it came from") {
        send_ready(rig.place_of(rig.front));
        const auto sent = rig.client_side.receive();
        REQUIRE(sent.has_value());
        CHECK(*sent == ready);
    }
    SECTION("on to the other side") {
        send_ready(rig.place_of(rig.back));
        const auto sent = rig.backend_side.receive();
        REQUIRE(sent.has_value());
        CHECK(*sent == ready);
    }
}

TEST_CASE("the mark of another data plane is none", "[marked]") {
    const MarkedRig rig;
    auto mark = rig.mark_of(syn);
    mark.magic += 2;
    rig.client_side.send(marked(mark, syn));
    CHECK_FALSE(rig.backend_side.receive(std::chrono::milliseconds(200)).has_value());
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("the mark of a connection that ended meanwhile is dropped, and counted", "[marked]") {
    const MarkedRig rig;
    auto mark = rig.mark_of(syn);
    SECTION("its slot is another connection's now") {
        --mark.generation;
    }
    SECTION("its slot is free") {
        ++mark.slot;
    }
    SECTION("no such slot") {
        mark.slot = table_size;
    }
    rig.client_side.send(marked(mark, syn));
    CHECK(rig.comes_to_count(abi::ABI_MARK_STALE));
    CHECK(rig.all_drops() == 1);
}

TEST_CASE("what became impossible between the two stages is dropped, and counted", "[marked]") {
    MarkedRig rig;
    const auto mark = rig.mark_of(syn);
    SECTION("the next hop is gone") {
        rig.paths({});
        rig.client_side.send(marked(mark, syn));
        CHECK(rig.comes_to_count(abi::ABI_NO_NEXT_HOP));
    }
    SECTION("no such interface") {
        rig.client_side.send(
            marked({.magic = rig.magic(), .slot = 0, .generation = 0, .kind = abi::ABI_MARK_READY}, syn));
        CHECK(rig.comes_to_count(abi::ABI_NO_NEXT_HOP));
    }
    CHECK(rig.all_drops() == 1);
}

TEST_CASE("what is larger than the MTU is told so by the clsact program", "[marked]") {
    MarkedRig rig;
    const auto mark = rig.mark_of(syn);
    rig.mtu(rig.back, 100);
    for (const Ipv4& ip : {Ipv4{}, Ipv4{.options = {1, 1, 1, 0}}}) {
        const Packet large = Ethernet{} / ip / Tcp{} / Payload{61};
        rig.client_side.send(marked(mark, large));
        const auto told = rig.client_side.receive();
        REQUIRE(told.has_value());
        CHECK(*told == Frame(to_client() / Ipv4{.source = vip, .destination = client, .id = 0} / too_big<Ipv4>(100) /
                             quote(large, 40 + ip.options.size())));
    }
    CHECK(rig.count(abi::ABI_TOO_BIG) == 2);
    CHECK(rig.count(abi::ABI_ANSWERED_ICMP) == 2);
    CHECK(rig.all_drops() == 2);
}

TEST_CASE("IPv6: a marked frame is translated and sent on, or told that it is too big", "[marked][ipv6]") {
    MarkedRig rig(ipv6_config());
    const auto mark = rig.mark_of(Ethernet{} / Ipv6{} / Tcp{.flags = Syn});
    const auto port = rig.connections().at(0).proxy.value().port;
    for (const std::size_t size : {0U, 1U, 101U, 1000U}) {
        INFO("payload of " << size << " bytes");
        rig.client_side.send(marked(mark, Ethernet{} / Ipv6{} / Tcp{} / Payload{size}));
        const auto sent = rig.backend_side.receive();
        REQUIRE(sent.has_value());
        CHECK(*sent == Frame(to_backend() / translated(Ipv6{}) / Tcp{.source = port, .destination = backend_port} /
                             Payload{size}));
    }
    rig.mtu(rig.back, 1280);
    const Packet large = Ethernet{} / Ipv6{} / Tcp{} / Payload{1221};
    rig.client_side.send(marked(mark, large));
    const auto told = rig.client_side.receive();
    REQUIRE(told.has_value());
    CHECK(*told == Frame(to_client() / Ipv6{.source = vip6, .destination = client6, .flow_label = 0} /
                         too_big<Ipv6>(1280) / quote(large, 60)));
    CHECK(rig.all_drops() == 1);
}

} // namespace proxip::packet
