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

  private:
    void begin_round();
    void end_round();

    const Controller& controller_;
    const dataplane::Dataplane& dataplane_;
    Events& events_;
    policy::Pressure pressure_;
    std::vector<policy::Id> rings_;                                       // still to be looked at in this round
    std::map<policy::Id, std::pair<std::uint64_t, std::uint64_t>> ports_; // by endpoint: in use, capacity
};

} // namespace proxip::app
