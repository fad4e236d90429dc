#pragma once

// What is known of each backend's health, by service and address.

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "model/config.hpp"
#include "policy/health.hpp"
#include "probe/checker.hpp"

namespace proxip::app {

class HealthBook {
  public:
    struct Entry {
        policy::Hysteresis hysteresis{1, 1};
        std::string last_check;
    };

    // Keeps what is known of backends that stay, also when their check changed; forgets the others.
    void follow(const Config& config);
    // True when the backend's state changed by it.
    bool record(const probe::Target& target, const probe::Outcome& outcome);

    // What an earlier agent had found out.
    void adopt_down(const std::string& service, const SocketAddress& backend);
    [[nodiscard]] policy::Health state(const std::string& service, const SocketAddress& backend) const;
    [[nodiscard]] std::string last_check(const std::string& service, const SocketAddress& backend) const;
    [[nodiscard]] static std::vector<probe::Target> targets(const Config& config);

  private:
    using Key = std::pair<std::string, SocketAddress>;
    std::map<Key, Entry> entries_;
};

} // namespace proxip::app
