#pragma once

// What the proxy ports of a configuration need: 2 bytes x ports x addresses x endpoints, for every pool and the
// endpoints of the services that use it.

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.hpp"

namespace proxip::policy {

struct PortArithmetic {
    struct Pool { // one family of its addresses, which those endpoints are reached from that have the same
        std::string name;
        std::uint64_t ports = 0;
        std::uint64_t addresses = 0;
        std::uint64_t endpoints = 0;
        std::uint64_t bytes = 0;

        bool operator==(const Pool&) const = default;
    };
    std::uint64_t bytes = 0;
    std::uint64_t endpoints = 0; // towards two pools: counted for each
    std::vector<Pool> pools;     // those in use, by name and family

    bool operator==(const PortArithmetic&) const = default;
};

[[nodiscard]] PortArithmetic port_arithmetic(const Config& config);
// The above against max_port_memory.
[[nodiscard]] Result<PortArithmetic> check_port_memory(const Config& config);

} // namespace proxip::policy
