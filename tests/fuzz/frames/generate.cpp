#include "fuzz/frames/generate.hpp"

#include <algorithm>
#include <cstring>

#include "fuzz/frames/reading.hpp"
#include "packet/families.hpp"

namespace proxip::fuzz {

namespace {

using packet::Ack;
using packet::Ethernet;
using packet::Fin;
using packet::Icmp;
using packet::Ip;
using packet::Ip6;
using packet::Packet;
using packet::Payload;
using packet::Psh;
using packet::Rst;
using packet::Syn;
using packet::Tcp;
using packet::Udp;

// Who says something to whom: all that a packet needs before its L4 header.
struct Ends {
    Side side = Side::front;
    packet::Mac from_mac = packet::client_mac;
    bool v6 = false;
    bool udp = false;
    abi::abi_address from{};
    abi::abi_address to{};
    std::uint16_t from_port = 0;
    std::uint16_t to_port = 0;

    [[nodiscard]] Ends turned() const {
        Ends out = *this;
        std::swap(out.from, out.to);
        std::swap(out.from_port, out.to_port);
        return out;
    }
};

template <typename T>
T as(const abi::abi_address& address) {
    T out{};
    std::memcpy(out.data(), &address, out.size());
    return out;
}
template <typename T>
abi::abi_address address(const T& bytes) {
    abi::abi_address out{};
    std::memcpy(&out, bytes.data(), bytes.size());
    return out;
}

Payload payload(Random& random) {
    const std::size_t most = random.one_in(10) ? 1600 : random.one_in(3) ? 600 : 40;
    return Payload(random.below<std::size_t>(most));
}

std::uint8_t hops(Random& random) {
    return random.of<std::uint8_t>({64, 64, 64, 64, 64, 64, 128, 255, 2, 2, 1, 0});
}

packet::Ipv4 header4(const Ends& ends, Random& random) {
    packet::Ipv4 ip{.source = as<Ip>(ends.from), .destination = as<Ip>(ends.to), .ttl = hops(random)};
    ip.tos = random.any<std::uint8_t>();
    ip.id = random.any();
    ip.dont_fragment = !random.one_in(4);
    if (random.one_in(8)) {
        ip.options.assign(std::size_t{4} * random.below(11), 1);
    }
    return ip;
}

packet::Ipv6 header6(const Ends& ends, Random& random) {
    return {.source = as<Ip6>(ends.from),
            .destination = as<Ip6>(ends.to),
            .hop_limit = hops(random),
            .traffic_class = random.any<std::uint8_t>(),
            .flow_label = random.below(1U << 20)};
}

packet::Extension extension(Random& random) {
    const std::size_t bytes = 8 * (1 + random.below<std::size_t>(random.one_in(10) ? 64 : 4));
    switch (random.below(5)) {
    case 0: return packet::hop_by_hop(bytes);
    case 1: return packet::routing(random.one_in(4) ? 1 : 0, bytes);
    case 2: return packet::fragment_header(random.any<std::uint32_t>()); // an atomic one
    default: return packet::destination_options(bytes);
    }
}

Packet ip_of(const Ends& ends, Random& random) {
    const Ethernet ethernet{.destination = mac_of(ends.side), .source = ends.from_mac};
    if (!ends.v6) {
        return ethernet / header4(ends, random);
    }
    Packet out = ethernet / header6(ends, random);
    if (random.one_in(6)) {
        for (auto left = random.below(random.one_in(5) ? 8 : 3); left > 0; --left) {
            out = std::move(out) / extension(random);
        }
    }
    return out;
}

// What the checksum field holds: mostly what it must, or what a local sender leaves to the NIC.
std::optional<std::uint16_t> checksum_of(const Ends& ends, std::size_t l4_bytes, Random& random) {
    const std::uint8_t protocol = ends.udp ? 17 : 6;
    if (ends.udp && random.one_in(6)) {
        return 0;
    }
    if (!random.one_in(5)) {
        return std::nullopt;
    }
    return ends.v6 ? packet::pseudo_sum(as<Ip6>(ends.from), as<Ip6>(ends.to), protocol, l4_bytes)
                   : packet::pseudo_sum(as<Ip>(ends.from), as<Ip>(ends.to), protocol, l4_bytes);
}

Packet segment(const Ends& ends, std::uint8_t flags, Random& random) {
    const Payload data = (flags & Syn) != 0 && !random.one_in(8) ? Payload() : payload(random);
    Tcp tcp{.source = ends.from_port,
            .destination = ends.to_port,
            .seq = random.any<std::uint32_t>(),
            .ack = random.any<std::uint32_t>(),
            .flags = flags};
    if (random.one_in(3)) {
        tcp.options.assign(std::size_t{4} * random.below(11), 1);
    }
    tcp.checksum = checksum_of(ends, 20 + tcp.options.size() + data.bytes.size(), random);
    return ip_of(ends, random) / tcp / data;
}

// A checksum that is right, over a datagram shorter than its IP packet (RFC 9868), and by chance also the sum of the
// pseudo-header with the packet's length, which a local sender's unfinished one would be.
Packet with_surplus(const Ends& ends, Payload data, Random& random) {
    const std::size_t surplus = 2 * (1 + random.below<std::size_t>(8));
    const auto length = static_cast<std::uint16_t>(8 + data.bytes.size());
    data.bytes.resize(data.bytes.size() + surplus);
    return ip_of(ends, random) /
           Udp{.source = ends.from_port,
               .destination = ends.to_port,
               .length = length,
               .checksum = checksum_of(ends, length + surplus, random)} /
           data;
}

void make_checksum_right(Frame& frame, const Ends& ends) {
    const Reading r = read(frame.bytes, mac_of(ends.side));
    if (r.kind != Kind::flow || !r.is_udp() || get16(frame.bytes, r.l4 + 6) == 0) {
        return;
    }
    const std::size_t length = get16(frame.bytes, r.l4 + 4);
    if (length < 10) {
        return;
    }
    const unsigned data = get16(frame.bytes, r.l4 + 8) + 0xffffU - l4_excess(frame.bytes, r, length);
    set16(frame.bytes, r.l4 + 8, data % 0xffff);
}

Packet datagram(const Ends& ends, Random& random) {
    const Payload data = payload(random);
    return ip_of(ends, random) /
           Udp{.source = ends.from_port,
               .destination = ends.to_port,
               .checksum = checksum_of(ends, 8 + data.bytes.size(), random)} /
           data;
}

std::uint8_t flags_of(Random& random) {
    return random.of<std::uint8_t>(
        {Ack, Ack, Psh | Ack, Psh | Ack, Syn, Syn | Ack, Fin | Ack, Rst, Rst | Ack, 0, 0xff});
}

Packet said_by(const Ends& ends, Random& random) {
    return ends.udp ? datagram(ends, random) : segment(ends, flags_of(random), random);
}

// A client that the load balancer may not know yet. Some are backends, some are nobody.
Ends new_client(Random& random) {
    Ends out;
    out.v6 = random.one_in(2);
    out.udp = random.one_in(2);
    out.to = out.v6 ? address(packet::vip6) : address(packet::vip);
    out.to_port = out.udp ? packet::dns_port : packet::web_port;
    if (random.one_in(20)) {
        out.to_port = random.any();
    }
    out.from_port = static_cast<std::uint16_t>(30000 + random.below(60));
    const bool from_backend = random.one_in(8);
    const Ip odd = random.of<Ip>({packet::vip, packet::proxy, {127, 0, 0, 1}, {0, 0, 0, 0}, {224, 0, 0, 1}});
    const Ip6 odd6 = random.of<Ip6>({packet::vip6, packet::proxy6, Ip6{}, packet::documentation_ip6(9, 9)});
    out.from = out.v6
                   ? address(from_backend ? packet::backend6 : packet::documentation_ip6(1, random.any<std::uint8_t>()))
                   : address(from_backend ? packet::backend : Ip{198, 51, 100, random.any<std::uint8_t>()});
    if (random.one_in(20)) {
        out.from = out.v6 ? address(odd6) : address(odd);
    }
    if (from_backend) {
        out.side = Side::back;
        out.from_mac = packet::backend_mac;
    }
    return out;
}

Ends client_of(const Conversation& known) {
    return {.side = known.side,
            .from_mac = known.client_mac,
            .v6 = known.v6,
            .udp = known.udp,
            .from = known.client,
            .to = known.v6 ? address(packet::vip6) : address(packet::vip),
            .from_port = known.client_port,
            .to_port = known.vip_port};
}

Ends backend_of(const Conversation& known) {
    return {.side = Side::back,
            .from_mac = packet::backend_mac,
            .v6 = known.v6,
            .udp = known.udp,
            .from = known.backend,
            .to = known.proxy,
            .from_port = known.backend_port,
            .to_port = known.proxy_port};
}

Ends known_end(const Lab& lab, Random& random) {
    const auto known = lab.any_connection(random);
    if (!known) {
        return new_client(random);
    }
    return random.one_in(2) ? client_of(*known) : backend_of(*known);
}

Icmp any_error(bool v6, Random& random) {
    const auto mtu = static_cast<std::uint16_t>(500 + random.below(1000));
    if (v6) {
        return {
            .type = random.of<std::uint8_t>({1, 2, 3, 4, 100}), .code = random.below<std::uint8_t>(5), .second = mtu};
    }
    return {.type = random.of<std::uint8_t>({3, 3, 3, 11, 12}), .code = random.below<std::uint8_t>(5), .second = mtu};
}

// About what the end got: told by the end itself, or by a router on the way.
Packet error_about(const Ends& ends, Random& random) {
    Packet got = said_by(ends.turned(), random);
    Ends teller = ends;
    if (random.one_in(2)) {
        teller.from = ends.v6 ? address(packet::stranger6) : address(packet::stranger);
    }
    const std::size_t most = random.one_in(3) ? 20 + random.below<std::size_t>(80) : random.one_in(2) ? 28 : 548;
    return ip_of(teller, random) / any_error(ends.v6, random) / packet::quote(got, most);
}

// One piece of a datagram; its ID is of a few, so that others may be on their way.
Frame piece(const Ends& ends, Random& random) {
    const Packet whole =
        ip_of(ends, random) / Udp{.source = ends.from_port, .destination = ends.to_port} / Payload(400);
    const auto pieces = packet::cut(whole, random.below(16), {random.of<std::size_t>({8, 16, 64, 160}), 240});
    return pieces[random.of<std::size_t>({0, 0, 1, 2})];
}

Packet echo(Random& random) {
    Ends ends = new_client(random);
    if (random.one_in(3)) {
        ends.to = ends.v6 ? address(packet::proxy6) : address(packet::proxy);
    }
    const std::uint8_t type =
        ends.v6 ? random.of<std::uint8_t>({128, 128, 129}) : random.of<std::uint8_t>({8, 8, 0, 13});
    return ip_of(ends, random) / Icmp{.type = type, .first = random.any(), .second = random.any()} / payload(random);
}

Packet arp(Side side, Random& random) {
    const packet::Mac to = random.one_in(2) ? packet::broadcast_mac : mac_of(side);
    return Ethernet{.destination = to, .source = packet::client_mac} /
           packet::Arp{.operation = random.of<std::uint16_t>({1, 1, 1, 2, 3}),
                       .target = random.of<Ip>({packet::vip, packet::proxy, packet::backend, packet::stranger})} /
           packet::Padding{random.of<std::size_t>({0, 18})};
}

Packet solicitation(Side side, Random& random) {
    const Ip6 target = random.of<Ip6>({packet::vip6, packet::proxy6, packet::backend6});
    const bool to_group = random.one_in(2);
    packet::Mac group = {0x33, 0x33, 0xff, target[13], target[14], target[15]};
    Ip6 group_address = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, target[13], target[14], target[15]};
    packet::Solicitation asked{.target = target};
    packet::Ipv6 ip{.source = packet::client6, .destination = to_group ? group_address : target, .hop_limit = 255};
    if (random.one_in(4)) {
        ip.source = {};
        asked.source_mac.reset();
    }
    return Ethernet{.destination = to_group ? group : mac_of(side), .source = packet::client_mac} / ip / asked;
}

Packet to_others(Random& random) {
    Ends ends = new_client(random);
    ends.to = ends.v6 ? address(packet::stranger6) : address(packet::stranger);
    return said_by(ends, random);
}

Packet other_protocol(Random& random) {
    Packet out = ip_of(new_client(random), random) / payload(random);
    const auto protocol = random.any<std::uint8_t>();
    out.ip6 ? out.ip6->next_header = protocol : out.ip->protocol = protocol;
    return out;
}

Frame noise(Side side, Random& random) {
    Frame out{Bytes(14 + random.below<std::size_t>(100))};
    std::ranges::generate(out.bytes, [&] { return random.any<std::uint8_t>(); });
    if (!random.one_in(4)) {
        std::ranges::copy(mac_of(side), out.bytes.begin());
        set16(out.bytes, 12, random.of<unsigned>({0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8}));
    }
    return out;
}

Arriving from(const Ends& ends, Frame frame) {
    return {.side = ends.side, .frame = std::move(frame)};
}

} // namespace

Arriving generate(const Lab& lab, Random& random) {
    const Ends fresh = new_client(random);
    const auto kind = random.below(100);
    if (kind < 12) {
        return from(fresh, fresh.udp ? datagram(fresh, random) : segment(fresh, Syn, random));
    }
    if (kind < 14) {
        return from(fresh, said_by(fresh, random));
    }
    const Ends known = known_end(lab, random);
    if (kind < 60) {
        return from(known, said_by(known, random));
    }
    if (kind < 72) {
        return from(known, error_about(known, random));
    }
    if (kind < 82) {
        return from(known, piece(known, random));
    }
    if (kind < 84) {
        Ends udp = known;
        udp.udp = true;
        Frame frame = with_surplus(udp, payload(random), random);
        make_checksum_right(frame, udp);
        return from(udp, std::move(frame));
    }
    switch (const Side side = random.one_in(3) ? Side::back : Side::front; random.below(7)) {
    case 0: return {.side = side, .frame = arp(side, random)};
    case 1: return {.side = side, .frame = solicitation(side, random)};
    case 2: return {.side = Side::front, .frame = to_others(random)};
    case 3: return {.side = Side::front, .frame = other_protocol(random)};
    case 4: return {.side = side, .frame = noise(side, random)};
    default: return {.side = Side::front, .frame = echo(random)};
    }
}

} // namespace proxip::fuzz
