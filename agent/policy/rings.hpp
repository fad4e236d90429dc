#pragma once

// Rings hold the proxy ports of one Proxy IP towards one endpoint. When a pool gets another port range it gets other
// rings; those of the range before stay for the connections that have their ports, but hand none out any more.

#include <vector>

#include "model/config.hpp"
#include "policy/identities.hpp"

namespace proxip::policy {

// Those of the ranges that the pools have now: what can run out.
[[nodiscard]] std::vector<Id> current_rings(const Config& config, const Identities& ids);

} // namespace proxip::policy
