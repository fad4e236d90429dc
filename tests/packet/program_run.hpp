#pragma once

// BPF_PROG_RUN: one frame through one program.

#include <cstdint>
#include <optional>

#include "bpf/abi/types.h"
#include "packet/frame.hpp"

namespace proxip::packet {

enum class Verdict : std::uint32_t { aborted = 0, drop = 1, pass = 2, tx = 3, redirect = 4 }; // XDP_*
std::ostream& operator<<(std::ostream& out, Verdict verdict);

struct Outcome {
    Verdict verdict = Verdict::aborted;
    Frame frame;
    std::optional<abi::abi_mark> mark{}; // what the frame carries in front of it
    std::uint32_t ns = 0;                // that the run took, with what the kernel needs to begin and to end it

    bool operator==(const Outcome&) const = delete;
};

// `taken_metadata`: bytes of metadata that stand in front of the frame already.
[[nodiscard]] Outcome run_xdp(int program, std::uint32_t ifindex, const Frame& frame, std::size_t taken_metadata = 0);

// How much of it leaves no room for more.
[[nodiscard]] std::size_t all_metadata(int program, std::uint32_t ifindex);

struct SkbOutcome {
    int action = 0; // TC_ACT_*
    Frame frame;
};
[[nodiscard]] SkbOutcome run_skb(int program, std::uint32_t ifindex, const Frame& frame);

} // namespace proxip::packet
