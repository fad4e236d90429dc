#include "dataplane/asked_packet.hpp"

#include <linux/tcp.h>
#include <linux/udp.h>

#include "dataplane/frame.hpp"
#include "policy/abi.hpp"

namespace proxip::dataplane {

namespace {

constexpr std::uint16_t window = 64240;
constexpr std::size_t flags_offset = 13; // RFC 9293 section 3.1

Bytes transport(const Question& question) {
    Bytes out;
    if (question.protocol == Protocol::tcp) {
        tcphdr header{};
        header.source = policy::swap_port(question.from.port);
        header.dest = policy::swap_port(question.to.port);
        header.doff = sizeof header / 4;
        header.window = policy::swap_port(window);
        append(out, header);
        out[flags_offset] = question.tcp_flags;
    } else {
        udphdr header{};
        header.source = policy::swap_port(question.from.port);
        header.dest = policy::swap_port(question.to.port);
        header.len = policy::swap_port(sizeof header);
        append(out, header);
    }
    return out;
}

} // namespace

std::vector<std::uint8_t> asked_packet(const Question& question, const Mac& destination_mac) {
    constexpr Mac any_sender{2};
    return frame_around({.protocol = question.protocol,
                         .from = question.from,
                         .to = question.to,
                         .from_mac = any_sender,
                         .to_mac = destination_mac},
                        transport(question));
}

} // namespace proxip::dataplane
