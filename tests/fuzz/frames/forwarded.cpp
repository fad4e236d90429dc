// Only what must change has changed, and to what it must be.

#include <algorithm>

#include <fmt/format.h>

#include "fuzz/frames/oracle.hpp"

namespace proxip::fuzz {

namespace {

// From the original: what is allowed to differ is taken from the other frame, once it was judged by itself.
class Prediction {
  public:
    Prediction(const Frame& from, const Frame& out) : bytes_(from.bytes), out_(out.bytes) {}

    void take(std::size_t at, std::size_t size) {
        std::copy_n(out_.begin() + static_cast<std::ptrdiff_t>(at), size,
                    bytes_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    void one_less(std::size_t at) { bytes_[at] = static_cast<std::uint8_t>(bytes_[at] - 1); }
    [[nodiscard]] std::string compare(const char* what) const {
        const auto [mine, theirs] = std::ranges::mismatch(bytes_, out_);
        return mine == bytes_.end() ? "" : fmt::format("{}: byte {} is changed", what, mine - bytes_.begin());
    }

  private:
    Bytes bytes_;
    const Bytes& out_;
};

void take_ip(Prediction& expected, const Reading& r) {
    constexpr std::size_t macs = 12;
    expected.take(0, macs);
    expected.take(r.source(), 2 * r.address_bytes());
    expected.one_less(r.hops());
    if (!r.v6) {
        expected.take(r.ip + 10, 2);
    }
    const bool in_pieces = r.kind == Kind::piece || r.first_piece;
    if (!r.v6 && (r.cut_allowed || in_pieces)) {
        expected.take(r.ip + 4, 2);
    }
    if (r.v6 && in_pieces) {
        expected.take(r.fragment_id, 4);
    }
}

bool has_backend_address(const Frame& frame, std::size_t at, bool v6) {
    const View address = part(frame.bytes, at, v6 ? 16 : 4);
    return v6 ? same(address, packet::backend6) : same(address, packet::backend) || same(address, packet::backend2);
}

std::string judge_macs(const Shot& shot, bool to_backend) {
    const View bytes = shot.frame.bytes;
    if (to_backend) {
        return same(bytes.first(6), packet::backend_mac) && same(part(bytes, 6, 6), packet::back_mac)
                   ? ""
                   : "not to the backend's MAC";
    }
    const View own = part(bytes, 6, 6); // the client may be a backend itself
    return same(own, packet::front_mac) || same(own, packet::back_mac) ? "" : "an answer that is not from our MAC";
}

// What the receiver knows the sender by.
std::string judge_addresses(const Scene& scene, const Sent& sent, const Shot& shot, bool to_backend) {
    const Reading& r = sent.reading;
    const View source = source_of(shot.frame, r);
    if (!to_backend) {
        return is_vip(source) ? "" : "an answer that does not come from the VIP";
    }
    if (!has_backend_address(shot.frame, r.destination(), r.v6)) {
        return "not to a backend";
    }
    const bool proxied = is_ours(source) && !is_vip(source);
    const bool kept = same(source, source_of(sent.frame, r));
    return (proxied && scene.snat != Snat::never) || (kept && scene.snat != Snat::always)
               ? ""
               : "not from where the service wants it to come from";
}

std::string judge_passage(const Scene& scene, const Sent& sent, const Shot& shot) {
    const Reading& r = sent.reading;
    const bool out_front = same(part(shot.frame.bytes, 6, 6), packet::front_mac);
    if (sent.frame.bytes[r.hops()] <= 1) {
        return "its hop limit had ended";
    }
    const bool judged_here = sent.side == Side::back || !scene.generic;
    return judged_here && r.ip_bytes > scene.mtu[out_front ? 0 : 1] ? "larger than the MTU" : "";
}

std::string judge_ports(const Sent& sent, const Shot& shot, bool to_backend) {
    const std::size_t at = sent.reading.l4 + (to_backend ? 2 : 0);
    const bool udp = sent.reading.is_udp();
    const unsigned expected = to_backend ? (udp ? packet::backend_dns_port : packet::backend_port)
                                         : (udp ? packet::dns_port : packet::web_port);
    const unsigned port = get16(shot.frame.bytes, at);
    return port == expected ? "" : fmt::format("port {} instead of {}", port, expected);
}

// The checksum says of the packet what it said before: right, wrong by as much, or nothing.
std::string judge_l4_checksum(const Scene& scene, const Sent& sent, const Shot& shot) {
    const Reading& r = sent.reading;
    const unsigned field = get16(sent.frame.bytes, r.l4_checksum());
    const unsigned now = get16(shot.frame.bytes, r.l4_checksum());
    if (r.is_udp() && (field == 0 || now == 0)) {
        return field == now ? "" : "UDP without a checksum has one now, or the other way round";
    }
    // RFC 768: UDP's is over its own length, which may be less than what there is. A piece's is over what is not here,
    // which is the same before and after.
    const std::size_t covered = r.is_udp() && !r.first_piece ? get16(sent.frame.bytes, r.l4 + 4) : r.l4_bytes;
    const unsigned was = l4_excess(sent.frame.bytes, r, covered);
    const unsigned is = l4_excess(shot.frame.bytes, r, covered);
    const bool unfinished = scene.partial && !r.first_piece && field == pseudo_header(sent.frame.bytes, r, covered);
    if (unfinished) {
        return is == 0 ? "" : "an unfinished checksum was not finished";
    }
    return was == is ? "" : fmt::format("L4 checksum: was {} too much, is {}", was, is);
}

std::string judge_ip_checksum(const Sent& sent, const Shot& shot) {
    const Reading& r = sent.reading;
    if (r.v6) {
        return "";
    }
    const unsigned was = header_excess(sent.frame.bytes, r);
    const unsigned is = header_excess(shot.frame.bytes, r);
    return was == is ? "" : fmt::format("IPv4 header checksum: was {} too much, is {}", was, is);
}

std::string first_of(std::initializer_list<std::string> findings) {
    for (const std::string& finding : findings) {
        if (!finding.empty()) {
            return finding;
        }
    }
    return "";
}

// The quoted packet names the connection as the receiver knows it, and its checksums are as right as before.
std::string judge_quote(const Sent& sent, const Shot& shot, const Reading& q, Prediction& expected) {
    const bool has_checksum = q.l4_checksum() + 2 <= q.l4 + q.l4_bytes;
    expected.take(q.source(), 2 * q.address_bytes());
    expected.take(q.l4, 4);
    if (!q.v6) {
        expected.take(q.ip + 10, 2);
        if (header_excess(shot.frame.bytes, q) != 0) {
            return "the quoted IPv4 header's checksum is wrong";
        }
    }
    if (!same(source_of(shot.frame, q), destination_of(shot.frame, sent.reading))) {
        return "quoted is not what the receiver sent";
    }
    if (!has_checksum) {
        return "";
    }
    const unsigned was = get16(sent.frame.bytes, q.l4_checksum());
    const unsigned is = get16(shot.frame.bytes, q.l4_checksum());
    expected.take(q.l4_checksum(), 2);
    if (q.is_udp() && (was == 0 || is == 0)) {
        return was == is ? "" : "a quoted UDP without a checksum has one now, or the other way round";
    }
    return l4_excess(sent.frame.bytes, q, q.l4_bytes) == l4_excess(shot.frame.bytes, q, q.l4_bytes)
               ? ""
               : "the quoted L4 checksum is wrong by another amount";
}

} // namespace

// A client may say that it has the VIP's address, and keep it.
bool towards_backend(const Sent& sent, const Frame& out) {
    const bool becomes_vip = is_vip(source_of(out, sent.reading)) && !is_vip(source_of(sent.frame, sent.reading));
    return is_vip(destination_of(sent.frame, sent.reading)) && !becomes_vip;
}

std::string judge_forwarded(const Scene& scene, const Sent& sent, const Shot& shot) {
    const Reading& r = sent.reading;
    if (r.kind != Kind::flow && r.kind != Kind::piece) {
        return fmt::format("'{}' was forwarded", name(r.kind));
    }
    if (shot.frame.bytes.size() != sent.frame.bytes.size()) {
        return "it has another length";
    }
    const bool to_backend = towards_backend(sent, shot.frame);
    Prediction expected(sent.frame, shot.frame);
    take_ip(expected, r);
    if (r.kind == Kind::flow) {
        expected.take(r.l4, 4);
        expected.take(r.l4_checksum(), 2);
    }
    const std::string common =
        first_of({judge_macs(shot, to_backend), judge_addresses(scene, sent, shot, to_backend),
                  judge_passage(scene, sent, shot), judge_ip_checksum(sent, shot), expected.compare("forwarded")});
    if (!common.empty() || r.kind == Kind::piece) {
        return common;
    }
    return first_of({judge_ports(sent, shot, to_backend), judge_l4_checksum(scene, sent, shot)});
}

std::string judge_error(const Scene& scene, const Sent& sent, const Shot& shot) {
    const Reading& r = sent.reading;
    const Reading q = read_quote(sent.frame.bytes, r.l4 + 8, r.l4 + r.l4_bytes, r.v6);
    if (r.kind != Kind::icmp || q.kind != Kind::flow || shot.frame.bytes.size() != sent.frame.bytes.size()) {
        return "no ICMP error about a packet, or it has another length";
    }
    if (!same(source_of(sent.frame, q), destination_of(sent.frame, r))) {
        return "told to somebody who did not send the quoted packet";
    }
    Prediction expected(sent.frame, shot.frame);
    take_ip(expected, r);
    expected.take(r.l4 + 2, 2);
    const std::string wrong =
        first_of({judge_macs(shot, towards_backend(sent, shot.frame)), judge_passage(scene, sent, shot),
                  judge_ip_checksum(sent, shot), judge_quote(sent, shot, q, expected), expected.compare("ICMP error")});
    if (!wrong.empty()) {
        return wrong;
    }
    const bool right = l4_excess(sent.frame.bytes, r, r.l4_bytes) == 0;
    return right && l4_excess(shot.frame.bytes, r, r.l4_bytes) == 0 ? "" : "the ICMP checksum is, or was, wrong";
}

Frame turned_round(const Frame& forwarded, const Reading& r) {
    Frame out = forwarded;
    const auto at = [&](std::size_t offset) { return out.bytes.begin() + static_cast<std::ptrdiff_t>(offset); };
    std::swap_ranges(at(0), at(6), at(6));
    std::swap_ranges(at(r.source()), at(r.destination()), at(r.destination()));
    std::swap_ranges(at(r.l4), at(r.l4 + 2), at(r.l4 + 2));
    return out;
}

std::string judge_identity(const Sent& request, const Frame& answer) {
    const Reading& r = request.reading;
    const Frame round = turned_round(request.frame, r);
    Prediction expected(round, answer);
    expected.take(r.hops(), 1); // two less
    if (!r.v6) {
        expected.take(r.ip + 10, 2);
    }
    if (!r.v6 && r.cut_allowed) {
        expected.take(r.ip + 4, 2);
    }
    // Judged already, in each direction; and there are two ways to write nothing, or a checksum is finished now.
    expected.take(r.l4_checksum(), 2);
    return round.bytes.size() == answer.bytes.size() ? expected.compare("there and back") : "another length";
}

} // namespace proxip::fuzz
