#pragma once

// Who talks to whom, as numbers: client n, its backend and its Proxy IP.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/shared.h"
#include "dataplane/dataplane.hpp"
#include "model/address.hpp"

namespace proxip::bench {

inline constexpr const char* vip = "10.9.0.80";
inline constexpr std::uint16_t service_port = 80;
inline constexpr const char* stranger = "10.8.0.1"; // an address that is nobody's here
inline constexpr int backends = 16;
inline constexpr int proxies = 4;
[[nodiscard]] Address backend(int number); // 10.2.0.11 and on
[[nodiscard]] Address proxy(int number);   // 10.3.0.1 and on

inline constexpr std::size_t frame_bytes = 60; // 64 with the FCS, which no veth has

using Flows = std::vector<bench_flow>;

// Of clients first .. first+count-1, in order; client n is 10.64.0.0 + n / 32768, port 1024 + n % 32768.
[[nodiscard]] Flows flows_to(const Address& destination, std::uint32_t first, std::uint32_t count);
// What the backends answer: one frame a connection.
[[nodiscard]] Flows replies_of(const dataplane::Dataplane& plane);
// Neighbours in time are then no neighbours in memory. The same each time.
void shuffle(Flows& flows);

// The header of every frame: only what a bench_flow does not say.
[[nodiscard]] std::vector<std::uint8_t> header(const dataplane::Mac& destination, const dataplane::Mac& source);

// Where frames come from and go to: at the generator, and after translation.
[[nodiscard]] bench_expect untranslated(const Address& destination);
[[nodiscard]] bench_expect translated();
[[nodiscard]] bench_expect reply();
[[nodiscard]] bench_expect reply_translated();

} // namespace proxip::bench
