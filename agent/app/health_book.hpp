#pragma once

// What is known of each backend's health, by service and address.

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "model/config.hpp"
#include "policy/health.hpp"
#include "policy/rotation.hpp"
#include "probe/checker.hpp"

namespace proxip::app {

class HealthBook {
  public:
    // Keeps what is known of backends that stay, also when their check changed; forgets the others.
    void follow(const Config& config);
    // True when the backend's state changed by it.
    bool record(const probe::Target& target, const probe::Outcome& outcome, policy::Instant now);
    // It was enabled, or added to a service that runs.
    void join(const std::string& service, const SocketAddress& backend, policy::Instant now);

    // What an earlier agent had found out: it is down, or it serves.
    void adopt_down(const std::string& service, const SocketAddress& backend);
    void adopt_serving(const std::string& service, const SocketAddress& backend);
    [[nodiscard]] policy::Health state(const std::string& service, const SocketAddress& backend) const;
    // All but the operator's word.
    [[nodiscard]] policy::Standing standing(const std::string& service, const SocketAddress& backend) const;
    [[nodiscard]] std::string last_check(const std::string& service, const SocketAddress& backend) const;
    struct Times {
        std::optional<policy::Instant> since; // its health is what it is; none: nobody looks, or before this agent knew
        std::optional<policy::Instant> checked; // the last check's end; none: there was none yet
    };
    [[nodiscard]] Times times(const std::string& service, const SocketAddress& backend) const;
    [[nodiscard]] static std::vector<probe::Target> targets(const Config& config);

  private:
    using Key = std::pair<std::string, SocketAddress>;
    struct Entry {
        policy::Hysteresis hysteresis{1, 1};
        bool checked = false;
        std::string last_check{};
        std::optional<policy::Instant> joined{};
        std::optional<policy::Instant> went_down{};
        Times times{};
    };
    [[nodiscard]] static Entry followed(const Entry* known, const Check& check);
    [[nodiscard]] const Entry* find(const std::string& service, const SocketAddress& backend) const;

    std::map<Key, Entry> entries_; // of all backends, checked or not
};

} // namespace proxip::app
