#pragma once

// sd_notify(3): a datagram to the socket that systemd names; nothing when there is none.

#include <chrono>
#include <optional>
#include <string_view>

namespace proxip::app {

void notify_systemd(std::string_view state);

// sd_watchdog_enabled(3): how long systemd waits for one WATCHDOG=1 after the other before it kills us. None: it does
// not.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_patience();

} // namespace proxip::app
