#pragma once

// Ends idle connections of the services that want both ends told of it.

#include "app/controller.hpp"
#include "dataplane/dataplane.hpp"

namespace proxip::app {

class IdleWatch {
  public:
    IdleWatch(const Controller& controller, dataplane::Dataplane& dataplane)
        : controller_(controller), dataplane_(dataplane) {}

    // Looks through all connections, but only if there is such a service.
    void tick();

  private:
    const Controller& controller_;
    dataplane::Dataplane& dataplane_;
};

} // namespace proxip::app
