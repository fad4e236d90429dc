#pragma once

// Changes by hand, as functions from configuration to configuration. Whether the result holds together is validate()'s
// to say.

#include "api/messages.hpp"
#include "model/config.hpp"

namespace proxip::app {

[[nodiscard]] Result<Config> edited(Config config, const api::ServiceAdd& request);
[[nodiscard]] Result<Config> edited(Config config, const api::ServiceSet& request);
[[nodiscard]] Result<Config> edited(Config config, const api::ServiceDel& request);
[[nodiscard]] Result<Config> edited(Config config, const api::BackendAdd& request);
[[nodiscard]] Result<Config> edited(Config config, const api::BackendSet& request);
[[nodiscard]] Result<Config> edited(Config config, const api::BackendDel& request);
[[nodiscard]] Result<Config> edited(Config config, const api::PoolAdd& request);
[[nodiscard]] Result<Config> edited(Config config, const api::PoolSet& request);
[[nodiscard]] Result<Config> edited(Config config, const api::PoolDel& request);

// The operator decides from here on: what the file said of `enabled` is no longer so, and a dump must not say it.
[[nodiscard]] Config without_enabled(Config config, const std::string& service,
                                     const std::vector<SocketAddress>& addresses);

// Every address of the request names a backend of the service.
[[nodiscard]] Result<void> has_backends(const Config& config, const std::string& service,
                                        const std::vector<SocketAddress>& addresses);

} // namespace proxip::app
