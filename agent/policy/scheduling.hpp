#pragma once

// Scheduling tables: for each position the backend (by its number in the service) that a new connection at that
// position goes to. The data plane takes the position from a hash (Maglev, source hash) or from a counter (round
// robin).

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace proxip::policy {

struct Weighted {
    std::string name;         // what the backend is: its place in the table depends on it, not on its number
    std::uint32_t weight = 1; // 0: gets no position

    bool operator==(const Weighted&) const = default;
};

// Eisenbud et al., "Maglev", NSDI 2016, section 3.4; weights by the number of turns a backend takes in each round.
// `size` is prime. Empty when no backend has weight. Same set, any order: same owner at every position. Names are
// unique.
[[nodiscard]] std::vector<std::uint16_t> maglev_table(std::span<const Weighted> backends, std::size_t size);

// The prime size for so many backends, those of weight 0 included: 251 for one, 8191 up to 81, then 65521. Few and far
// apart, since another size moves nearly every key; at least 100 positions per backend (section 5.3: shares within 1 %)
// up to 655.
[[nodiscard]] std::size_t maglev_size(std::size_t backends);

// Smooth weighted round robin as one full cycle of sum(weights)/gcd positions: a backend's turns lie at equal distances
// in the cycle, and backends start one after the other. Empty when no backend has weight.
[[nodiscard]] std::vector<std::uint16_t> round_robin_table(std::span<const Weighted> backends);

} // namespace proxip::policy
