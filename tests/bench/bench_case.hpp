#pragma once

// What is measured. A line in the catalogue is all that a new case needs, as long as its middle and traffic are there.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace proxip::bench {

enum class MiddleKind { redirect, pass, nftables, proxip, proxip_clsact, proxip_logged };

enum class Traffic {
    known,     // of connections that were opened before; their order is random
    fresh,     // every packet is a new connection
    replies,   // from the backends, of connections that were opened before
    strangers, // to an address that is not ours: it must come to the host's stack
};

// Against whose own cost, and how much of it is aimed at (design: "How fast").
struct Target {
    std::string_view than; // name of a case; empty: none
    double at_most = 0;
};

struct Case {
    std::string_view name;
    std::string_view title;
    MiddleKind middle;
    Traffic traffic;
    std::uint32_t connections; // 0: none is open at first
    std::uint32_t packets;     // of one slice
    std::string_view floor;    // the cases to compare with; empty: none
    std::string_view nftables;
    Target target;
};

[[nodiscard]] const std::vector<Case>& catalogue();

struct Plan { // of one run of a case
    std::uint32_t slices = 40;
    bool in_order = false; // connections are met in the order in which they were opened
    std::uint32_t most_connections = UINT32_MAX;
    std::uint32_t most_packets = UINT32_MAX;
};
[[nodiscard]] Plan full_plan();
[[nodiscard]] Plan quick_plan();
[[nodiscard]] Case within(Case measured, const Plan& plan);

} // namespace proxip::bench
