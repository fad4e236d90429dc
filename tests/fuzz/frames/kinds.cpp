// Which verdicts and reasons a frame may meet with, by what it is.

#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>

#include "fuzz/frames/oracle.hpp"

namespace proxip::fuzz {

namespace {

using abi::abi_reason;

constexpr std::initializer_list<abi_reason> cannot_leave = {abi::ABI_TTL_EXPIRED, abi::ABI_TOO_BIG,
                                                            abi::ABI_NO_NEXT_HOP};
constexpr std::initializer_list<abi_reason> not_opened = {
    abi::ABI_NO_SERVICE,   abi::ABI_UNSOLICITED, abi::ABI_NO_BACKEND,    abi::ABI_PORTS_EXHAUSTED,
    abi::ABI_TABLE_FULL,   abi::ABI_TUPLE_TAKEN, abi::ABI_NO_CONNECTION, abi::ABI_BAD_SOURCE,
    abi::ABI_SERVICE_FULL, abi::ABI_CLIENT_FULL, abi::ABI_CLIENT_PORTS,  abi::ABI_NOT_ALLOWED,
    abi::ABI_BACKENDS_FULL};

bool is_in(std::initializer_list<abi_reason> list, abi_reason reason) {
    return std::ranges::find(list, reason) != list.end();
}

bool passes(const Shot& shot) {
    return shot.passed() == 1;
}

// Ours, and refused for this reason; or not ours, and the host's.
bool is_refused_for(const Sent& sent, const Shot& shot, abi_reason reason) {
    const Reading& r = sent.reading;
    if (!r.has_addresses || !is_ours(destination_of(sent.frame, r))) {
        return passes(shot);
    }
    return shot.verdict == Verdict::drop && shot.drop_reason() == reason;
}

// Where lengths and headers that are not walked over are both wrong, either may be said.
bool is_refused(const Sent& sent, const Shot& shot) {
    return is_refused_for(sent, shot, abi::ABI_BAD_HEADER) || is_refused_for(sent, shot, abi::ABI_EXTENSION);
}

bool flow_may(const Sent& sent, const Shot& shot) {
    const bool to_us = is_ours(destination_of(sent.frame, sent.reading));
    if (shot.verdict == Verdict::drop || shot.drops() != 0) {
        const bool of_new = is_in(not_opened, shot.drop_reason());
        return is_in(cannot_leave, shot.drop_reason()) || (of_new && to_us);
    }
    return shot.connections != 0 || (passes(shot) && !to_us);
}

bool piece_may(const Sent& sent, const Shot& shot) {
    const bool to_us = is_ours(destination_of(sent.frame, sent.reading));
    if (shot.verdict == Verdict::drop) {
        return is_in(cannot_leave, shot.drop_reason()) || (to_us && shot.drop_reason() == abi::ABI_FRAGMENT);
    }
    return shot.counted[abi::ABI_FRAGMENTS] != 0 || (passes(shot) && !to_us);
}

bool icmp_may(const Sent& sent, const Shot& shot) {
    if (sent.reading.to_group) {
        return passes(shot) || shot.counted[abi::ABI_ANSWERED_ND] != 0;
    }
    const bool to_us = is_ours(destination_of(sent.frame, sent.reading));
    if (shot.verdict == Verdict::drop) {
        const abi_reason reason = shot.drop_reason();
        const bool ours =
            reason == abi::ABI_PROTOCOL || reason == abi::ABI_ICMP_UNMATCHED || reason == abi::ABI_BAD_SOURCE;
        return reason == abi::ABI_ICMP_INVALID || is_in(cannot_leave, reason) || (ours && to_us);
    }
    return passes(shot) ? !to_us : shot.counted[abi::ABI_ANSWERED_ARP] == 0 && shot.drops() == 0;
}

bool may(const Sent& sent, const Shot& shot) {
    switch (sent.reading.kind) {
    case Kind::other: return passes(shot);
    case Kind::arp: return passes(shot) || shot.counted[abi::ABI_ANSWERED_ARP] != 0;
    case Kind::flow: return flow_may(sent, shot);
    case Kind::piece: return piece_may(sent, shot);
    case Kind::icmp: return icmp_may(sent, shot);
    case Kind::protocol: return is_refused_for(sent, shot, abi::ABI_PROTOCOL);
    case Kind::extension: return is_refused(sent, shot);
    case Kind::malformed:
        return sent.reading.extensions == 0 ? is_refused_for(sent, shot, abi::ABI_BAD_HEADER) : is_refused(sent, shot);
    }
    return false;
}

} // namespace

std::string judge_kind(const Sent& sent, const Shot& shot) {
    return may(sent, shot) ? ""
                           : fmt::format("what is '{}' must not meet with this (drop reason {})",
                                         name(sent.reading.kind), static_cast<int>(shot.drop_reason()));
}

} // namespace proxip::fuzz
