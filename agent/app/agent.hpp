#pragma once

// The rooms, wired: one loop in which commands, signals, netlink, probes and timers arrive.

#include "app/options.hpp"
#include "model/result.hpp"

namespace proxip::app {

[[nodiscard]] Result<void> run_agent(const Options& options); // until SIGTERM or SIGINT; the data plane stays
[[nodiscard]] Result<void> check_config(const Options& options);
[[nodiscard]] Result<void> detach(const Options& options);

} // namespace proxip::app
