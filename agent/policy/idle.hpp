#pragma once

// How long a connection may be silent, and who ends it then.

#include "model/config.hpp"
#include "policy/abi.hpp"

namespace proxip::policy {

// Zero for a state that is none of a connection's.
[[nodiscard]] Millis idle_timeout(const Service& service, abi::abi_conn_state state);

// Does the agent end such a connection, and tell both ends (on_idle = "reset")?
[[nodiscard]] bool agent_ends_idle(const Service& service, abi::abi_conn_state state);

// What the data plane's own timer waits for: the same, or, where the agent ends it first, somewhat more. Without an
// agent the timer does it.
[[nodiscard]] Millis kernel_idle_timeout(const Service& service, abi::abi_conn_state state);
// That of every state.
void set_idle_timeouts(const Service& service, abi::abi_service& out);

} // namespace proxip::policy
