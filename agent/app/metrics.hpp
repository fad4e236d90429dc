#pragma once

// What Prometheus reads. Labels are bounded by the configuration: names of services, backends, pools, interfaces; never
// a client. Every name stands once, in metrics.cpp.

#include <map>
#include <string>
#include <vector>

#include "api/messages.hpp"

namespace proxip::app {

struct NatReadings { // of the NAT log
    std::uint64_t events = 0;
    std::uint64_t lost = 0;
    std::uint64_t lines_lost = 0;
    std::uint64_t bytes = 0; // on disk
};

struct Readings {
    api::Status status;
    std::vector<api::BackendView> backends;
    std::vector<api::StatsView> stats;
    std::vector<api::PoolView> pools;
    std::map<std::string, std::uint64_t> drops;
    std::map<std::string, std::uint64_t> events;
    NatReadings nat = {};
};

// The text format, version 0.0.4.
[[nodiscard]] std::string metrics_text(const Readings& readings);

} // namespace proxip::app
