#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <thread>

#include <bpf/bpf.h>

#include "packet/rig.hpp"

// Every reason of bpf/abi/reasons.h: how it comes about, or why it cannot be made here.

namespace proxip::packet {

namespace {

struct Way {
    std::function<void(Rig&)> make{};
    std::string_view not_here{};
};

Config bare(std::uint16_t last_port) {
    Config config = basic_config();
    config.pools[0].ports = {3000, last_port};
    return config;
}

void say_again_on_one_port(Rig& rig, std::uint8_t flags_before) {
    rig.install(bare(3000));
    rig.open(40000);
    if (flags_before != 0) {
        rig.reply(3000, flags_before);
    }
    rig.open(40001);
}

void wait_for_expiry(Rig& rig) {
    Config config = basic_config();
    config.services[0].idle_timeout.syn = Millis(100);
    rig.install(config);
    rig.open();
    for (int i = 0; i < 2000 && rig.count(abi::ABI_EXPIRED) == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

void take_the_tuple_twice(Rig& rig) {
    Config config = basic_config();
    config.services[0].snat = Snat::never;
    config.services.push_back(config.services[0]);
    config.services[2].address.ports = {81, 81};
    rig.install(config);
    rig.say(client_port, Syn);
    (void)rig.from_client(Ethernet{} / Ipv4{} / Tcp{.destination = 81, .flags = Syn});
}

void open_beyond(Rig& rig, std::uint32_t of_service, std::uint32_t per_client, std::uint32_t ports_per_client) {
    Config config = basic_config();
    config.services[0].max_connections = of_service;
    config.services[0].max_connections_per_client = per_client;
    config.pools[0].max_ports_per_client = ports_per_client;
    rig.install(config);
    rig.open(client_port);
    rig.open(client_port + 1);
}

void replace_the_programs(Rig& rig) {
    const std::uint32_t slow = 1;
    (void)bpf_map_delete_elem(rig.map("programs"), &slow);
    rig.say(client_port, Syn);
}

// No redirect, and a driver that has no room for a mark: here because there is metadata in front of the frame already.
void leave_no_way_out(Rig& rig) {
    const int program = rig.program("proxip_xdp");
    const auto taken = all_metadata(program, rig.front);
    rig.flags(rig.front, 0, abi::ABI_IFACE_REDIRECT_IN);
    (void)run_xdp(program, rig.front, Ethernet{} / Ipv4{} / Icmp{}, taken);
}

// More than any MTU in use: bpf/checksum.h ends at 9,216 bytes.
void leave_too_much_to_finish(Rig& rig) {
    constexpr std::size_t size = 10000;
    rig.open();
    rig.mtu(rig.back, 16000);
    rig.flags(rig.front, abi::ABI_IFACE_PARTIAL, 0);
    (void)rig.from_client(Ethernet{} / Ipv4{} / Tcp{.checksum = pseudo_sum(client, vip, 6, 20 + size)} / Payload{size});
}

void tell_the_client(Rig& rig, std::optional<std::uint16_t> checksum) {
    const auto port = rig.open();
    (void)rig.from_backend(from_backend() / reply_ip() / Icmp{.type = 3, .code = 3, .checksum = checksum} /
                           quote(Ethernet{} / translated() / Tcp{.source = port, .destination = backend_port}));
}

void send(Rig& rig, const Frame& frame) {
    (void)rig.from_client(frame);
}

void end_one(Rig& rig) {
    rig.establish();
    rig.plane().end_connections([](const dataplane::Connection&) { return true; });
    rig.plane().await_endings(std::chrono::seconds(5));
    while (!rig.connections().empty()) { // the last order is out of the table a moment before its connection is
    }
}

std::map<abi::abi_reason, Way> ways() {
    const auto frame = [](const Frame& sent) { return Way{.make = [sent](Rig& rig) { send(rig, sent); }}; };
    const auto no_backends = [](Rig& rig) {
        Config config = basic_config();
        config.services[0].backends.clear();
        config.services[1].backends.clear();
        rig.install(config);
    };
    const Frame udp = Ethernet{} / Ipv4{} / Udp{} / Payload{8};
    return {
        {abi::ABI_PASSED, frame(Ethernet{} / Ipv4{.destination = stranger} / Tcp{})},
        {abi::ABI_BAD_HEADER, frame(Ethernet{} / Ipv4{.length = 39} / Tcp{})},
        {abi::ABI_FRAGMENT,
         frame(Ethernet{} / Ipv4{.dont_fragment = false, .fragment_offset = 1} / Udp{} / Payload{8})},
        {abi::ABI_PROTOCOL, frame(Ethernet{} / Ipv4{.protocol = 47} / Payload{8})},
        {abi::ABI_TTL_EXPIRED, frame(Ethernet{} / Ipv4{.ttl = 1} / Tcp{.flags = Syn})},
        {abi::ABI_TOO_BIG,
         {.make =
              [](Rig& rig) {
                  rig.mtu(rig.back, 100);
                  send(rig, Ethernet{} / Ipv4{} / Udp{} / Payload{73});
              }}},
        {abi::ABI_NO_SERVICE, frame(Ethernet{} / Ipv4{} / Tcp{.destination = 22, .flags = Syn})},
        {abi::ABI_UNSOLICITED, frame(Ethernet{} / Ipv4{.destination = proxy} / Tcp{.destination = 3000, .flags = Syn})},
        {abi::ABI_NO_BACKEND,
         {.make =
              [=](Rig& rig) {
                  no_backends(rig);
                  send(rig, udp);
              }}},
        {abi::ABI_PORTS_EXHAUSTED, {.make = [](Rig& rig) { say_again_on_one_port(rig, 0); }}},
        {abi::ABI_TABLE_FULL,
         {.make =
              [](Rig& rig) {
                  for (std::uint16_t i = 0; i <= table_size; ++i) {
                      rig.open_udp(static_cast<std::uint16_t>(20000 + i));
                  }
              }}},
        {abi::ABI_TUPLE_TAKEN, {.make = take_the_tuple_twice}},
        {abi::ABI_SERVICE_FULL, {.make = [](Rig& rig) { open_beyond(rig, 1, 0, 0); }}},
        {abi::ABI_CLIENT_FULL, {.make = [](Rig& rig) { open_beyond(rig, 0, 1, 0); }}},
        {abi::ABI_CLIENT_PORTS, {.make = [](Rig& rig) { open_beyond(rig, 0, 0, 1); }}},
        {abi::ABI_NO_CONNECTION, frame(Ethernet{} / Ipv4{} / Tcp{.flags = Ack})},
        {abi::ABI_CONTENDED, {.make = replace_the_programs}},
        {abi::ABI_NO_NEXT_HOP,
         {.make =
              [](Rig& rig) {
                  rig.paths({});
                  rig.say(client_port, Syn);
              }}},
        {abi::ABI_NO_WAY_OUT, {.make = leave_no_way_out}},
        {abi::ABI_MARK_STALE,
         {.not_here = "BPF_PROG_RUN gives an skb no metadata, so no mark: marked_test.cpp sends real frames"}},
        {abi::ABI_TRANSLATE, {.make = leave_too_much_to_finish}},
        {abi::ABI_ANSWERED_ARP, frame(Ethernet{.destination = broadcast_mac} / Arp{})},
        {abi::ABI_ANSWERED_ECHO, frame(Ethernet{} / Ipv4{} / Icmp{})},
        {abi::ABI_ANSWERED_RST, frame(Ethernet{} / Ipv4{} / Tcp{.flags = Ack})},
        {abi::ABI_ANSWERED_ICMP, frame(Ethernet{} / Ipv4{.ttl = 1} / Udp{})},
        {abi::ABI_ICMP_SUPPRESSED,
         {.make =
              [](Rig& rig) {
                  while (rig.count(abi::ABI_ICMP_SUPPRESSED) == 0) {
                      send(rig, Ethernet{} / Ipv4{.ttl = 1} / Udp{});
                  }
              }}},
        {abi::ABI_EXPIRED, {.make = wait_for_expiry}},
        {abi::ABI_PORT_RECLAIMED, {.make = [](Rig& rig) { say_again_on_one_port(rig, Rst); }}},
        {abi::ABI_SLOT_RECLAIMED,
         {.make =
              [](Rig& rig) {
                  for (std::uint16_t i = 0; i <= table_size; ++i) {
                      rig.open(static_cast<std::uint16_t>(20000 + i));
                  }
              }}},
        {abi::ABI_EXTENSION, frame(Ethernet{} / Ipv6{} / routing(1) / Tcp{})},
        {abi::ABI_ICMP_INVALID, {.make = [](Rig& rig) { tell_the_client(rig, 0x1234); }}},
        {abi::ABI_ICMP_UNMATCHED, frame(Ethernet{} / Ipv4{} / Icmp{.type = 3})},
        {abi::ABI_BAD_SOURCE, frame(Ethernet{} / Ipv4{.source = {127, 0, 0, 1}} / Udp{})},
        {abi::ABI_ANSWERED_ND, frame(Ethernet{} / Ipv6{.hop_limit = 255} / Solicitation{})},
        {abi::ABI_ICMP_TRANSLATED, {.make = [](Rig& rig) { tell_the_client(rig, {}); }}},
        {abi::ABI_PASSED_TAGGED, frame(Packet{.ethernet = {.type = 0x8100}, .payload = Bytes(60, 1)})},
        {abi::ABI_ENDED, {.make = end_one}},
        {abi::ABI_NOT_ALLOWED,
         {.make =
              [](Rig& rig) {
                  Config config = basic_config();
                  config.services[0].allow = {Prefix::parse("10.0.0.0/8").value()};
                  rig.install(config);
                  rig.say(client_port, Syn);
              }}},
        {abi::ABI_BACKENDS_FULL,
         {.make =
              [](Rig& rig) {
                  Config config = basic_config();
                  config.services[0].backends[0].max_connections = 1;
                  rig.install(config);
                  rig.open(40000);
                  rig.say(40001, Syn);
              }}},
        {abi::ABI_NAT_EVENTS_LOST, {.not_here = "a buffer must be filled first: nat_events_test.cpp"}},
        {abi::ABI_FRAGMENTS, frame(cut(Ethernet{} / Ipv4{} / Udp{} / Payload{100}, 1, {64})[0])},
    };
}

struct Reason {
    abi::abi_reason reason;
    const char* name;
    bool drop;
};

#define PROXIP_DROP(id, symbol, name, help) {abi::ABI_##symbol, name, true},
#define PROXIP_EVENT(id, symbol, name, help) {abi::ABI_##symbol, name, false},
const std::vector<Reason> reasons = {ABI_REASONS(PROXIP_DROP, PROXIP_EVENT)};
#undef PROXIP_DROP
#undef PROXIP_EVENT

} // namespace

TEST_CASE("every reason comes about once, or it is said why not here", "[reasons]") {
    const auto known = ways();
    for (const Reason& reason : reasons) {
        INFO("reason " << reason.name << " in bpf/abi/reasons.h");
        const auto way = known.find(reason.reason);
        if (way == known.end()) {
            FAIL_CHECK("has no test: add one to reasons_test.cpp");
            continue;
        }
        if (!way->second.make) {
            CHECK_FALSE(way->second.not_here.empty());
            continue;
        }
        Rig rig;
        way->second.make(rig);
        CHECK(rig.count(reason.reason) == 1);
        if (reason.drop) {
            CHECK(rig.all_drops() == 1); // one reason each
        }
    }
}

} // namespace proxip::packet
