#pragma once

// What the data plane has counted and keeps, read while it runs.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/dataplane.hpp"
#include "dataplane/kernel_tables.hpp"

namespace proxip::dataplane {

[[nodiscard]] std::map<std::string, std::uint64_t> read_drops(const KernelTables& tables);
[[nodiscard]] std::map<std::string, std::uint64_t> read_events(const KernelTables& tables);
[[nodiscard]] std::uint64_t read_live(const KernelTables& tables);
void read_connections(const KernelTables& tables, const std::function<bool(const Connection&)>& visit);
// Dataplane::each_unanswered()
void read_unanswered(const KernelTables& tables, const std::function<bool(const Connection&)>& visit);
[[nodiscard]] double read_seconds_since_sweep(const KernelTables& tables);
// Those in every so-many-th slot, so that at most `at_most` slots are looked at. Which: what it returns.
std::uint32_t read_some_connections(const KernelTables& tables, std::uint32_t at_most,
                                    const std::function<void(const Connection&)>& visit);

// One slot as it was at one moment; none when no connection is in it.
[[nodiscard]] std::optional<abi::abi_slot> read_slot(const KernelTables& tables, std::uint32_t index);
[[nodiscard]] std::optional<Connection> connection_of(const KernelTables& tables, const abi::abi_slot& slot);
using SlotVisit = std::function<bool(std::uint32_t index, const abi::abi_slot&, const Connection&)>;
void read_slots(const KernelTables& tables, const SlotVisit& visit); // until false

[[nodiscard]] policy::References read_references(const KernelTables& tables);
[[nodiscard]] BindingCounts read_counts(const KernelTables& tables, policy::Id binding);
[[nodiscard]] std::vector<RingUse> read_ring_use(const KernelTables& tables, const std::vector<policy::Id>& rings);

} // namespace proxip::dataplane
