#pragma once

// Looks from time to time at removed backends: they leave, and when their last connection ended they are gone.

#include <map>
#include <string>

#include "app/controller.hpp"
#include "app/events.hpp"
#include "dataplane/dataplane.hpp"

namespace proxip::app {

class LeavingWatch {
  public:
    LeavingWatch(const Controller& controller, const dataplane::Dataplane& dataplane, Events& events)
        : controller_(controller), dataplane_(dataplane), events_(events) {}

    void tick();

  private:
    struct Backend {
        std::string service;
        std::string address;
    };
    void tell(const Backend& backend, bool gone, std::uint64_t connections);

    const Controller& controller_;
    const dataplane::Dataplane& dataplane_;
    Events& events_;
    std::map<policy::Id, Backend> leaving_; // that had connections at the last look
};

} // namespace proxip::app
