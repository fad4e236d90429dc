#pragma once

// sd_notify(3): a datagram to the socket that systemd names; nothing when there is none.

#include <string_view>

namespace proxip::app {

void notify_systemd(std::string_view state);

} // namespace proxip::app
