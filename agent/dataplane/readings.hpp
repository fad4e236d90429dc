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
[[nodiscard]] std::uint64_t read_live(const KernelTables& tables);
void read_connections(const KernelTables& tables, const std::function<bool(const Connection&)>& visit);
[[nodiscard]] policy::References read_references(const KernelTables& tables);
[[nodiscard]] BindingCounts read_counts(const KernelTables& tables, policy::Id binding);
[[nodiscard]] std::vector<RingUse> read_ring_use(const KernelTables& tables, const std::vector<policy::Id>& rings);

} // namespace proxip::dataplane
