#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "packet/families.hpp"

// Datagrams in pieces: the first has the ports, the others follow its trail.

namespace proxip::packet {

namespace {

constexpr std::uint32_t some_id = 0x0000beef; // 16 bits, so that IPv4 has room for it
const std::vector<std::size_t> in_three = {1000, 1480};
constexpr std::size_t large = 2000; // bytes of data

template <typename Header>
Packet question(std::uint16_t from_port = client_port, std::size_t size = large) {
    return Ethernet{} / Header{} / Udp{.source = from_port} / Payload{size};
}
template <typename Header>
Packet question_sent_on(std::uint16_t proxy_port, std::size_t size = large) {
    return to_backend() / translated(Header{}) / Udp{.source = proxy_port, .destination = backend_dns_port} /
           Payload{size};
}

std::vector<Frame> frames(const std::vector<Outcome>& outcomes) {
    std::vector<Frame> out;
    for (const Outcome& outcome : outcomes) {
        CHECK(outcome.verdict == Verdict::redirect);
        out.push_back(outcome.frame);
    }
    return out;
}

std::vector<Frame> forwarded_by(const Rig& rig, const std::vector<Frame>& pieces) {
    std::vector<Outcome> out;
    for (const Frame& piece : pieces) {
        out.push_back(rig.from_client(piece));
    }
    return frames(out);
}

} // namespace

TEMPLATE_TEST_CASE("a datagram in three pieces goes to the backend as one", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto port = rig.open(question<TestType>(client_port, 1));
    const auto out = forwarded_by(rig, cut(question<TestType>(), some_id, in_three));
    CHECK(id_of(out[0]) != some_id);
    CHECK(out == cut(question_sent_on<TestType>(port), id_of(out[0]), in_three));
    CHECK(rig.count(abi::ABI_FRAGMENTS) == 3);
    CHECK(rig.all_drops() == 0);
}

TEMPLATE_TEST_CASE("a datagram in three pieces goes back to the client as one", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto port = rig.open(question<TestType>(client_port, 1));
    const Packet answer =
        from_backend() / reply_ip(TestType{}) / Udp{.source = backend_dns_port, .destination = port} / Payload{large};
    std::vector<Outcome> out;
    for (const Frame& piece : cut(answer, some_id, in_three)) {
        out.push_back(rig.from_backend(piece));
    }
    const auto sent = frames(out);
    CHECK(sent == cut(to_client() / reply_translated(TestType{}) / Udp{.source = dns_port, .destination = client_port} /
                          Payload{large},
                      id_of(sent[0]), in_three));
    CHECK(rig.all_drops() == 0);
}

TEMPLATE_TEST_CASE("TCP in pieces goes through", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto port = rig.open(Ethernet{} / TestType{} / Tcp{.flags = Syn});
    const auto out = forwarded_by(rig, cut(Ethernet{} / TestType{} / Tcp{} / Payload{large}, some_id, in_three));
    CHECK(out ==
          cut(to_backend() / translated(TestType{}) / Tcp{.source = port, .destination = backend_port} / Payload{large},
              id_of(out[0]), in_three));
}

TEMPLATE_TEST_CASE("the first piece opens the connection", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto out = forwarded_by(rig, cut(question<TestType>(), some_id, in_three));
    REQUIRE(rig.connections().size() == 1);
    const auto connection = rig.connections().at(0);
    CHECK(out == cut(question_sent_on<TestType>(connection.proxy.value().port), id_of(out[0]), in_three));
    CHECK(connection.in.packets == 3);
}

TEMPLATE_TEST_CASE("behind the first piece the others may come in any order, and more than once", "[fragment]", Ipv4,
                   Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto port = rig.open(question<TestType>(client_port, 1));
    const auto in = cut(question<TestType>(), some_id, in_three);
    const auto out = forwarded_by(rig, {in[0], in[2], in[1], in[2], in[0]});
    const auto expected = cut(question_sent_on<TestType>(port), id_of(out[0]), in_three);
    CHECK(out == std::vector<Frame>{expected[0], expected[2], expected[1], expected[2], expected[0]});
}

TEMPLATE_TEST_CASE("a piece that comes before the first one is dropped by name", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    (void)rig.open(question<TestType>(client_port, 1));
    const auto in = cut(question<TestType>(), some_id, in_three);
    CHECK(rig.from_client(in[1]).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_FRAGMENT) == 1);
    CHECK(rig.all_drops() == 1);
    (void)forwarded_by(rig, {in[0], in[1], in[2]}); // nothing is remembered against it
}

TEMPLATE_TEST_CASE("pieces follow their own datagram alone", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    (void)rig.open(question<TestType>(client_port, 1));
    (void)forwarded_by(rig, {cut(question<TestType>(), some_id, in_three)[0]});
    const auto astray = [&](const Packet& packet, std::uint32_t id) {
        CHECK(rig.from_client(cut(packet, id, in_three)[1]).verdict == Verdict::drop);
        CHECK(rig.count(abi::ABI_FRAGMENT) == 1);
    };
    SECTION("another ID") {
        astray(question<TestType>(), some_id + 1);
    }
    SECTION("another source") {
        TestType other;
        other.source.back() = 0x42;
        astray(Ethernet{} / other / Udp{} / Payload{large}, some_id);
    }
    SECTION("another destination") {
        TestType to_proxy;
        to_proxy.destination = translated(TestType{}).source;
        astray(Ethernet{} / to_proxy / Udp{} / Payload{large}, some_id);
    }
}

TEST_CASE("IPv4: pieces of another protocol are of another datagram", "[fragment]") {
    const Rig rig;
    rig.open();
    (void)forwarded_by(rig, {cut(question<Ipv4>(), some_id, in_three)[0]});
    CHECK(rig.from_client(cut(Ethernet{} / Ipv4{} / Tcp{} / Payload{large}, some_id, in_three)[1]).verdict ==
          Verdict::drop);
    CHECK(rig.count(abi::ABI_FRAGMENT) == 1);
}

TEMPLATE_TEST_CASE("two clients that chose the same ID get different ones towards the same backend", "[fragment]", Ipv4,
                   Ipv6) {
    const Rig rig(config_of<TestType>());
    TestType other;
    other.source.back() = 0x42;
    const auto first = cut(question<TestType>(), some_id, in_three);
    const auto second = cut(Ethernet{} / other / Udp{} / Payload{large}, some_id, in_three);
    const auto out = forwarded_by(rig, {first[0], second[0], first[1], second[1], second[2], first[2]});
    CHECK(id_of(out[0]) != id_of(out[1]));
    CHECK(id_of(out[0]) == id_of(out[2]));
    CHECK(id_of(out[0]) == id_of(out[5]));
    CHECK(id_of(out[1]) == id_of(out[3]));
    CHECK(id_of(out[1]) == id_of(out[4]));
}

TEMPLATE_TEST_CASE("another datagram under the same ID, from another port of the client, gets one of its own",
                   "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto first = forwarded_by(rig, cut(question<TestType>(40000), some_id, in_three));
    const auto second = forwarded_by(rig, cut(question<TestType>(40001), some_id, in_three));
    CHECK(id_of(first[0]) != id_of(second[0]));
    CHECK(second == cut(question_sent_on<TestType>(
                            rig.connection_of({.address = rig.connections().at(0).client.address, .port = 40001})
                                .value()
                                .proxy.value()
                                .port),
                        id_of(second[0]), in_three));
}

TEMPLATE_TEST_CASE("a piece whose connection has ended is dropped", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto in = cut(Ethernet{} / TestType{} / Tcp{} / Payload{large}, some_id, in_three);
    const auto port = rig.open(Ethernet{} / TestType{} / Tcp{.flags = Syn});
    (void)forwarded_by(rig, {in[0]});
    // Refused, and a SYN that begins the next one in its place.
    (void)rig.from_backend(from_backend() / reply_ip(TestType{}) /
                           Tcp{.source = backend_port, .destination = port, .flags = Rst | Ack});
    REQUIRE(rig.connections().at(0).state == abi::ABI_CLOSED);
    CHECK(rig.open(Ethernet{} / TestType{} / Tcp{.flags = Syn}) != port);
    REQUIRE(rig.connections().at(0).state == abi::ABI_SYN);
    CHECK(rig.from_client(in[1]).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_FRAGMENT) == 1);
}

TEMPLATE_TEST_CASE("pieces are counted as their connection's", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    (void)forwarded_by(rig, cut(question<TestType>(), some_id, in_three));
    constexpr std::size_t headers = is_ipv6<TestType> ? 40 + 8 : 20;
    const auto connection = rig.connections().at(0);
    CHECK(connection.in.packets == 3);
    CHECK(connection.in.bytes == 3 * headers + 8 + large);
}

TEMPLATE_TEST_CASE("a first piece that cannot leave is answered, a later one is not", "[fragment]", Ipv4, Ipv6) {
    Rig rig(config_of<TestType>());
    const auto in = cut(question<TestType>(), some_id, in_three);
    (void)forwarded_by(rig, {in[0]});
    rig.paths({});
    CHECK(rig.from_client(in[1]).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_NO_NEXT_HOP) == 1);
    CHECK(rig.count(abi::ABI_ANSWERED_ICMP) == 0);
    CHECK(rig.from_client(in[0]).verdict == Verdict::redirect);
    CHECK(rig.count(abi::ABI_NO_NEXT_HOP) == 2);
    CHECK(rig.count(abi::ABI_ANSWERED_ICMP) == 1);
}

TEMPLATE_TEST_CASE("pieces that cannot be redirected are translated, and marked to leave by the other side",
                   "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    rig.flags(rig.back, 0, abi::ABI_IFACE_REDIRECT_OUT);
    std::vector<Frame> out;
    for (const Frame& piece : cut(question<TestType>(), some_id, in_three)) {
        const Outcome outcome = rig.from_client(piece);
        CHECK(outcome.verdict == Verdict::pass);
        REQUIRE(outcome.mark.has_value());
        CHECK(outcome.mark->kind == abi::ABI_MARK_READY);
        CHECK(outcome.mark->slot == rig.place_of(rig.back));
        out.push_back(outcome.frame);
    }
    CHECK(out == cut(question_sent_on<TestType>(rig.connections().at(0).proxy.value().port), id_of(out[0]), in_three));
    CHECK(rig.count(abi::ABI_PASSED) == 0);
}

TEMPLATE_TEST_CASE("a checksum in pieces is finished, whatever it looks like", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    rig.flags(rig.front, abi::ABI_IFACE_PARTIAL, 0);
    const auto out = forwarded_by(rig, cut(question<TestType>(), some_id, in_three));
    CHECK(out == cut(question_sent_on<TestType>(rig.connections().at(0).proxy.value().port), id_of(out[0]), in_three));
}

TEMPLATE_TEST_CASE("a UDP checksum of zero stays zero in pieces", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const auto out =
        forwarded_by(rig, cut(Ethernet{} / TestType{} / Udp{.checksum = 0} / Payload{large}, some_id, in_three));
    const auto port = rig.connections().at(0).proxy.value().port;
    CHECK(out == cut(to_backend() / translated(TestType{}) /
                         Udp{.source = port, .destination = backend_dns_port, .checksum = 0} / Payload{large},
                     id_of(out[0]), in_three));
}

TEMPLATE_TEST_CASE("a first piece without the whole L4 header is malformed", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    CHECK(rig.from_client(cut(Ethernet{} / TestType{} / Tcp{.flags = Syn}, some_id, {16})[0]).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_BAD_HEADER) == 1);
    CHECK(rig.connections().empty());
}

TEMPLATE_TEST_CASE("ICMP in pieces is not taken", "[fragment]", Ipv4, Ipv6) {
    const Rig rig(config_of<TestType>());
    const std::uint8_t echo = is_ipv6<TestType> ? 128 : 8;
    const auto in = cut(Ethernet{} / TestType{} / Icmp{.type = echo} / Payload{100}, some_id, {64});
    CHECK(rig.from_client(in[0]).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_PROTOCOL) == 1);
    CHECK(rig.from_client(in[1]).verdict == Verdict::drop);
    CHECK(rig.count(abi::ABI_FRAGMENT) == 1);
}

TEMPLATE_TEST_CASE("pieces to others, and to the host, pass", "[fragment]", Ipv4, Ipv6) {
    Rig rig(config_of<TestType>());
    TestType elsewhere;
    elsewhere.destination = elsewhere.source;
    const Packet to_others = Ethernet{} / elsewhere / Udp{} / Payload{large};
    rig.local(TestType{}.destination, {.vip = true, .host = true, .answer = true});
    const Packet to_host = Ethernet{} / TestType{} / Udp{.destination = 9999} / Payload{large};
    for (const Packet& packet : {to_others, to_host}) {
        for (const Frame& piece : cut(packet, some_id, in_three)) {
            const Outcome out = rig.from_client(piece);
            CHECK(out.verdict == Verdict::pass);
            CHECK(out.frame == piece);
        }
    }
    CHECK(rig.count(abi::ABI_PASSED) == 6);
    CHECK(rig.all_drops() == 0);
}

TEST_CASE("an IPv4 packet that may be cut further on gets an ID of its own", "[fragment]") {
    const Rig rig;
    const Ipv4 may_be_cut{.id = 0x0777, .dont_fragment = false};
    const Ipv4 other{.source = stranger, .id = 0x0777, .dont_fragment = false};
    const auto expected = [](Ipv4 ip, std::uint16_t port, std::uint32_t id) {
        ip.id = static_cast<std::uint16_t>(id);
        return Frame(to_backend() / translated(ip) / Udp{.source = port, .destination = backend_dns_port});
    };
    const auto port = rig.open(Ethernet{} / may_be_cut / Udp{});
    const auto other_port = rig.open(Ethernet{} / other / Udp{});
    std::set<std::uint32_t> ids;
    for (int i = 0; i < 10; ++i) {
        const Frame one = rig.from_client(Ethernet{} / may_be_cut / Udp{}).frame;
        CHECK(one == expected(may_be_cut, port, id_of(one)));
        const Frame two = rig.from_client(Ethernet{} / other / Udp{}).frame;
        CHECK(two == expected(other, other_port, id_of(two)));
        ids.insert({id_of(one), id_of(two)});
    }
    CHECK(ids.size() == 20);
    const Frame answer =
        rig.from_backend(from_backend() / reply_ip(may_be_cut) / Udp{.source = backend_dns_port, .destination = port})
            .frame;
    Ipv4 back = reply_translated(may_be_cut);
    back.id = static_cast<std::uint16_t>(id_of(answer));
    CHECK(back.id != may_be_cut.id);
    CHECK(answer == Frame(to_client() / back / Udp{.source = dns_port, .destination = client_port}));
}

TEST_CASE("IDs do not tell how much another pair of addresses sends", "[fragment]") {
    Config config = basic_config();
    config.services[1].backends.push_back(backend_at(backend2, backend_dns_port));
    config.services[1].scheduler = Scheduler::round_robin;
    const Rig rig(config);
    std::map<Bytes, std::vector<std::uint32_t>> ids; // by where it went
    for (std::uint16_t port = 40000; port < 40006; ++port) {
        const Frame sent = rig.from_client(Ethernet{} / Ipv4{.dont_fragment = false} / Udp{.source = port}).frame;
        ids[Bytes(sent.bytes.begin() + 30, sent.bytes.begin() + 34)].push_back(id_of(sent));
    }
    REQUIRE(ids.size() == 2);
    CHECK(ids.begin()->second.size() == 3);
    CHECK(ids.begin()->second != std::next(ids.begin())->second);
}

TEST_CASE("IPv6: pieces behind other extension headers", "[fragment]") {
    const Rig rig(ipv6_config());
    const auto piece = [](Ethernet ethernet, const Ipv6& ip, std::uint32_t id, auto l4) {
        return Frame(ethernet / ip / hop_by_hop(16) / routing(0) / fragment_header(id, 0, true) /
                     destination_options() / l4 / Payload{104});
    };
    const Outcome out = rig.from_client(piece(Ethernet{}, Ipv6{}, 0x01020304, Udp{}));
    REQUIRE(out.verdict == Verdict::redirect);
    const auto port = rig.connections().at(0).proxy.value().port;
    constexpr std::size_t id_at = 14 + 40 + 16 + 24 + 4;
    const auto id = std::uint32_t{out.frame.bytes[id_at]} << 24 | std::uint32_t{out.frame.bytes[id_at + 1]} << 16 |
                    std::uint32_t{out.frame.bytes[id_at + 2]} << 8 | out.frame.bytes[id_at + 3];
    CHECK(id != 0x01020304);
    CHECK(out.frame ==
          piece(to_backend(), translated(Ipv6{}), id, Udp{.source = port, .destination = backend_dns_port}));
    // The later one: what the fragment header calls the next header is whatever was there in the first.
    const auto later = [](Ethernet ethernet, Ipv6 ip, std::uint32_t fragment_id) {
        ip.next_header = 60;
        return Frame(ethernet / ip / hop_by_hop(16) / routing(0) / fragment_header(fragment_id, 15, false) /
                     Payload{30});
    };
    CHECK(rig.from_client(later(Ethernet{}, Ipv6{}, 0x01020304)).frame == later(to_backend(), translated(Ipv6{}), id));
}

TEST_CASE("IPv6: pieces of pieces are not taken", "[fragment]") {
    const Rig rig(ipv6_config());
    for (const bool outer_more : {true, false}) { // one of several, or an atomic one
        CHECK(rig.from_client(Ethernet{} / Ipv6{} / fragment_header(1, 0, outer_more) / fragment_header(2, 0, true) /
                              Udp{} / Payload{104})
                  .verdict == Verdict::drop);
    }
    CHECK(rig.count(abi::ABI_EXTENSION) == 2);
    CHECK(rig.connections().empty());
}

} // namespace proxip::packet
