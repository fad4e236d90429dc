#pragma once

// The ABI's numbers in the contract's words.

#include <optional>
#include <string>

#include "policy/abi.hpp"

namespace proxip::app {

[[nodiscard]] std::optional<std::string> snat_reason_name(abi::abi_snat_reason reason); // none: the source is kept
[[nodiscard]] std::string state_name(abi::abi_conn_state state);

} // namespace proxip::app
