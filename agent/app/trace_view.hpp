#pragma once

// A traced packet in the words of the control protocol: pure but for the names that it asks for.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "api/stream.hpp"
#include "dataplane/tracer.hpp"

namespace proxip::app {

struct TraceNames {
    std::function<std::string(std::uint32_t index)> link;
    std::function<std::uint32_t(const abi::abi_hop&)> link_of; // 0: none
    std::function<std::string(std::uint32_t id)> service;
};

// `epoch`: what CLOCK_MONOTONIC's zero is in nanoseconds since 1970.
[[nodiscard]] api::Packet packet_view(const dataplane::TracedPacket& packet, std::uint64_t epoch, bool frames,
                                      const TraceNames& names);

[[nodiscard]] std::string nanos_text(std::uint64_t nanos); // since 1970, as RFC 3339

} // namespace proxip::app
