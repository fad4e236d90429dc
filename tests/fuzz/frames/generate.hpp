#pragma once

// Frames that hosts and routers send, of every kind; and what may become of one on a bad day.

#include "fuzz/frames/lab.hpp"

namespace proxip::fuzz {

struct Arriving {
    Side side = Side::front;
    Frame frame;
};

[[nodiscard]] Arriving generate(const Lab& lab, Random& random);
// Flips, cuts, lengths, headers changed for others; what checksums are worth afterwards is left to chance.
void mutate(Arriving& arriving, Random& random);

} // namespace proxip::fuzz
