#pragma once

// Looks from time to time at what can run out: connections, and the proxy ports towards each endpoint.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "app/controller.hpp"
#include "app/events.hpp"
#include "dataplane/dataplane.hpp"
#include "policy/pressure.hpp"

namespace proxip::app {

class PressureWatch {
  public:
    PressureWatch(const Controller& controller, const dataplane::Dataplane& dataplane, Events& events)
        : controller_(controller), dataplane_(dataplane), events_(events) {}

    // A part of the rings at a time (each costs a system call); a round of all of them is said when it is complete.
    void tick();
    [[nodiscard]] std::vector<std::string> warnings() const;
    [[nodiscard]] std::vector<policy::Gauge> high() const { return pressure_.high(); }

    // A Proxy IP, and the endpoint that has taken most of its ports: towards that one it runs out first.
    struct ProxyUse {
        std::uint64_t in_use = 0; // towards all endpoints
        std::size_t endpoints = 0;
        policy::Id fullest = 0;
        std::uint64_t fullest_in_use = 0;
        std::uint64_t capacity = 0; // towards each
    };
    // Of the last round that was complete.
    [[nodiscard]] const std::map<policy::Id, ProxyUse>& proxies() const { return proxies_; }

  private:
    void begin_round();
    void count(const dataplane::RingUse& use);
    void end_round();

    const Controller& controller_;
    const dataplane::Dataplane& dataplane_;
    Events& events_;
    policy::Pressure pressure_;
    std::vector<policy::Id> rings_;                                       // still to be looked at in this round
    std::map<policy::Id, std::pair<std::uint64_t, std::uint64_t>> ports_; // by endpoint: in use, capacity
    std::map<policy::Id, ProxyUse> proxies_;
    std::map<policy::Id, ProxyUse> next_proxies_; // of the round that is under way
};

} // namespace proxip::app
