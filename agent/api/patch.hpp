#pragma once

// A patch put on what it changes: pure, so that the agent and its tests share one meaning of "set".

#include "api/messages.hpp"

namespace proxip::api {

[[nodiscard]] Service patched(Service service, const ServicePatch& patch);
[[nodiscard]] Backend patched(Backend backend, const BackendPatch& patch);

} // namespace proxip::api
