#pragma once

// Who talks to whom, as numbers: client n, its backend and its Proxy IP. Of IPv6 the same numbers, in fd00::/96.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bench/shared.h"
#include "dataplane/dataplane.hpp"
#include "model/address.hpp"

namespace proxip::bench {

inline constexpr std::uint16_t service_port = 80;
inline constexpr std::uint32_t backends = 16;
inline constexpr std::uint32_t proxies = 4;
[[nodiscard]] Address address_of(Family family, std::uint32_t host_order);
[[nodiscard]] Address vip(Family family, std::uint32_t number);     // 10.9.0.80 and on
[[nodiscard]] Address backend(Family family, std::uint32_t number); // 10.2.0.11 and on
[[nodiscard]] Address proxy(Family family, std::uint32_t number);   // 10.3.0.1 and on
[[nodiscard]] Address stranger();                                   // an address that is nobody's here

[[nodiscard]] std::size_t
frame_bytes(Family family); // 64 with the FCS, which no veth has; IPv6 has no room for less than 66

using Flows = std::vector<bench_flow>;

// Of so many clients, in order, to the destinations in turn; client n is 10.64.0.0 + n / 32768, port 1024 + n % 32768.
[[nodiscard]] Flows flows_to(std::span<const Address> destinations, std::uint32_t count);
// What the backends answer: one frame a connection.
[[nodiscard]] Flows replies_of(const dataplane::Dataplane& plane);
// Neighbours in time are then no neighbours in memory. The same each time.
void shuffle(Flows& flows);

// The header of every frame: only what a bench_flow does not say.
[[nodiscard]] std::vector<std::uint8_t> header(Family family, const dataplane::Mac& destination,
                                               const dataplane::Mac& source);

// Where frames come from and go to: at the generator, and after translation.
[[nodiscard]] bench_expect untranslated_to_vip();
[[nodiscard]] bench_expect untranslated_to_stranger();
[[nodiscard]] bench_expect translated();
[[nodiscard]] bench_expect reply();
[[nodiscard]] bench_expect reply_translated();

} // namespace proxip::bench
