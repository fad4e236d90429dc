#pragma once

// Ends idle connections of the services that want both ends told of it.

#include <chrono>

#include "app/controller.hpp"
#include "dataplane/dataplane.hpp"

namespace proxip::app {

class IdleWatch {
  public:
    IdleWatch(const Controller& controller, dataplane::Dataplane& dataplane)
        : controller_(controller), dataplane_(dataplane) {}

    // Looks through all connections, but only if there is such a service; less often where there are many.
    void tick();

  private:
    using Clock = std::chrono::steady_clock;

    const Controller& controller_;
    dataplane::Dataplane& dataplane_;
    Clock::time_point next_;
};

} // namespace proxip::app
