#pragma once

// What is measured. A line in the catalogue is all that a new case needs, as long as its middle and traffic are there.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/address.hpp"

namespace proxip::bench {

enum class MiddleKind { redirect, pass, nftables, proxip };
enum class WayOut { redirect, clsact };
enum class NatLog { off, on };

enum class Traffic {
    known,     // of connections that were opened before; their order is random
    in_turn,   // the same, in the order in which they were opened
    fresh,     // every packet is a new connection; `connections` stand already
    replies,   // from the backends, of connections that were opened before
    strangers, // to an address that is not ours: it must come to the host's stack
};

// Against whose own cost, and how much of it is aimed at (design: "How fast").
struct Target {
    std::string_view than; // name of a case; empty: none
    double at_most = 0;
};

// What proxip is asked to do.
struct Setup {
    Family family = Family::v4;
    std::uint32_t services = 1; // each with an address of its own; connections go to all of them in turn
    std::uint32_t lanes = 1;    // with a service and backends for each
    std::uint32_t filled = 0;   // per cent of the pool's ports that are taken before; 0: and a pool of the usual size
    WayOut way = WayOut::redirect;
    NatLog log = NatLog::off;
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
    Setup setup{};
};

[[nodiscard]] const std::vector<Case>& catalogue();

struct Plan { // of one run of a case
    std::uint32_t slices = 40;
    std::uint32_t most_connections = UINT32_MAX;
    std::uint32_t most_packets = UINT32_MAX;
};
[[nodiscard]] Plan full_plan();
[[nodiscard]] Plan quick_plan();
[[nodiscard]] Case within(Case measured, const Plan& plan);

} // namespace proxip::bench
