#pragma once

// Where it all happens: a network namespace with three veth pairs of one queue each.
//
//     client ──── front [ the middle ] back ──── server
//     alone ───── drain                                     the generator by itself
//
// The generator's frames enter by the outer ends; what stands in the middle is the case.

#include <cstdint>
#include <string>

#include "dataplane/dataplane.hpp"

namespace proxip::bench {

struct Port {
    std::string name;
    std::uint32_t index = 0;
    dataplane::Mac mac{};
};

struct Stage {
    Port client;
    Port front;
    Port back;
    Port server;
    Port alone;
    Port drain;
};

// In this process's network namespace, which must be its own. Several lanes stand side by side; those after the first
// have their number behind the names.
[[nodiscard]] Stage build_stage(std::uint8_t lane = 0);

// Throws with the command in the message.
void command(const std::string& line);
void write_sysctl(const std::string& path, const std::string& value);
// Generic receive offload on: a veth end then takes redirected frames without an XDP program.
void turn_gro_on(const Port& port);

} // namespace proxip::bench
