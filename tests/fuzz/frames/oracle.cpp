#include "fuzz/frames/oracle.hpp"

#include <fmt/format.h>

namespace proxip::fuzz {

namespace {

std::uint32_t answers(const Shot& shot) {
    return shot.counted[abi::ABI_ANSWERED_ARP] + shot.counted[abi::ABI_ANSWERED_ECHO] +
           shot.counted[abi::ABI_ANSWERED_ND];
}

std::uint32_t told(const Shot& shot) {
    return shot.counted[abi::ABI_ANSWERED_RST] + shot.counted[abi::ABI_ANSWERED_ICMP];
}

std::string counted(const Shot& shot) {
    std::string out = fmt::format("{} connections", shot.connections);
#define PROXIP_COUNTED(id, symbol, title, help)                                                                        \
    out += shot.counted[id] == 0 ? "" : fmt::format(", {} {}", title, shot.counted[id]);
    ABI_REASONS(PROXIP_COUNTED, PROXIP_COUNTED)
#undef PROXIP_COUNTED
    return out;
}

// Each exit's one line in the accounts.
bool is_accounted_for(const Shot& shot) {
    const std::uint32_t passed = shot.passed();
    const std::uint32_t errors = shot.counted[abi::ABI_ICMP_TRANSLATED];
    const std::uint32_t pieces = shot.counted[abi::ABI_FRAGMENTS];
    const std::uint32_t forwarded = shot.connections + errors;
    const std::uint32_t suppressed = shot.counted[abi::ABI_ICMP_SUPPRESSED];
    if (shot.verdict == Verdict::drop) {
        return shot.drops() == 1 && suppressed <= 1 && passed + forwarded + pieces + answers(shot) + told(shot) == 0;
    }
    if (suppressed != 0) {
        return false;
    }
    if (shot.leaves()) {
        return passed == 0 && pieces <= shot.connections && shot.drops() == told(shot) &&
               forwarded + answers(shot) + told(shot) == 1;
    }
    if (shot.awaits_translation()) {
        return shot.connections == 1 && passed + errors + pieces + answers(shot) + told(shot) + shot.drops() == 0;
    }
    return passed == 1 && forwarded + pieces + answers(shot) + told(shot) + shot.drops() == 0;
}

} // namespace

std::string judge_accounts(const Shot& shot) {
    return is_accounted_for(shot) ? "" : "not counted exactly once: " + counted(shot);
}

std::string judge(const Scene& scene, const Sent& sent, const Shot& shot) {
    if (shot.error != 0) {
        return fmt::format("the program could not be run: errno {}", shot.error);
    }
    if (shot.verdict != Verdict::pass && shot.verdict != Verdict::drop && shot.verdict != Verdict::redirect) {
        return fmt::format("verdict {}", static_cast<std::uint32_t>(shot.verdict));
    }
    for (const std::string& wrong : {judge_accounts(shot), judge_kind(sent, shot)}) {
        if (!wrong.empty()) {
            return wrong;
        }
    }
    if (shot.verdict == Verdict::drop) {
        return "";
    }
    if (!shot.leaves()) {
        return shot.frame == sent.frame ? "" : "it passes, and is not what it was";
    }
    if (shot.connections != 0) {
        return judge_forwarded(scene, sent, shot);
    }
    return shot.counted[abi::ABI_ICMP_TRANSLATED] != 0 ? judge_error(scene, sent, shot)
                                                       : judge_answer(scene, sent, shot);
}

std::string outcome(const Shot& shot) {
    constexpr std::array<const char*, abi::ABI_REASON_COUNT> names = {
#define PROXIP_NAME(id, symbol, title, help) title,
        ABI_REASONS(PROXIP_NAME, PROXIP_NAME)
#undef PROXIP_NAME
    };
    if (shot.drops() != 0) {
        return fmt::format("{}{}", names.at(shot.drop_reason()), told(shot) != 0 ? ", told" : "");
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        const bool says_it_all = i != abi::ABI_PORT_RECLAIMED && i != abi::ABI_SLOT_RECLAIMED;
        if (shot.counted[i] != 0 && says_it_all) {
            return names[i];
        }
    }
    return shot.awaits_translation() ? "marked" : "forwarded";
}

bool is_vip(View address) {
    return same(address, packet::vip) || same(address, packet::vip6);
}

bool is_ours(View address) {
    return is_vip(address) || same(address, packet::proxy) || same(address, packet::proxy6);
}

} // namespace proxip::fuzz
