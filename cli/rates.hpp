#pragma once

// Two readings of the agent's counters become rates: pure. The time between them is the agent's own.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "api/messages.hpp"

namespace proxip::cli {

using Rate = std::optional<double>; // a second; none: not known yet, since it was not there at the first reading

struct Flow {
    Rate connections; // new ones
    Rate packets_in, packets_out;
    Rate bits_in, bits_out; // of IP packets

    [[nodiscard]] double packets() const { return packets_in.value_or(0) + packets_out.value_or(0); }
    [[nodiscard]] double bits() const { return bits_in.value_or(0) + bits_out.value_or(0); }
};

struct TopReport {
    struct Backend {
        std::string address, state, health;
        std::uint64_t connections = 0;
        Flow flow;
    };
    struct Service {
        std::string name, address;
        std::uint64_t up = 0; // backends
        std::uint64_t connections = 0;
        Flow flow;
        std::vector<Backend> backends;
    };
    struct Drop {
        std::string reason;
        std::uint64_t packets = 0;
        Rate rate;
    };
    std::string time;
    double interval = 0; // seconds
    std::uint64_t generation = 0;
    std::uint64_t connections = 0;
    std::uint64_t max_connections = 0;
    Flow flow; // of all services
    std::vector<Service> services;
    std::vector<Drop> drops; // every reason
    std::vector<api::Top::Pool> pools;
    std::vector<api::Top::Client> clients;
    std::uint32_t one_in = 1;
};

// A counter that went back began anew, at 0: what it has now is what came since. No time between: no rates.
[[nodiscard]] TopReport rates_between(const api::Top& before, const api::Top& after);

enum class TopSort { name, connections, opened, packets, bits };
// Most first, but names from a to z.
void sort(TopReport& report, TopSort by);

[[nodiscard]] nlohmann::json json_of(const TopReport& report);

} // namespace proxip::cli
