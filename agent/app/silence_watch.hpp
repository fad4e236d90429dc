#pragma once

// Remembers connections whose answers never came back through here: a half-open slot goes after its idle timeout, and
// doctor shall name the backend all the same.

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "app/controller.hpp"
#include "app/neighbourhood.hpp"
#include "dataplane/dataplane.hpp"

namespace proxip::app {

class SilenceWatch {
  public:
    SilenceWatch(const Controller& controller, const dataplane::Dataplane& dataplane,
                 const Neighbourhood& neighbourhood)
        : controller_(controller), dataplane_(dataplane), neighbourhood_(neighbourhood) {}

    // Costs nothing where every service has snat = "always"; else a look at the slots (dataplane.hpp says what it
    // costs), which takes a fiftieth of the time at most.
    void tick();
    void look();   // now
    void follow(); // after every change: what was seen before a service's snat changed does not count

    struct Silence { // of a backend that runs and may get new connections
        std::string service;
        SocketAddress backend;
        std::uint32_t connections = 0;
        std::uint32_t neighbours = 0; // of them, from the backend's own segment
        Address client;               // one of them, a neighbour if there is one
        bool answers_others = false;  // since the first of them
    };
    [[nodiscard]] std::vector<Silence> silences() const;

  private:
    using Clock = std::chrono::steady_clock;
    struct Call {
        Clock::time_point last_packet;
        bool neighbour = false;
    };
    struct Evidence {
        std::map<SocketAddress, Call> calls; // by client
        std::uint64_t answers = 0;           // packets of the backend when the first one was seen
    };
    struct Mode {
        Snat snat = Snat::always;
        std::optional<Clock::time_point> since; // none: before this agent
    };
    using Key = std::pair<std::string, SocketAddress>; // service, backend

    void forget(Clock::time_point now);
    void note(const Service& service, const dataplane::Connection& connection, Clock::time_point now);
    [[nodiscard]] std::map<policy::Id, const Service*> keeping_clients() const;
    [[nodiscard]] std::uint64_t answers_of(const Key& key) const;

    const Controller& controller_;
    const dataplane::Dataplane& dataplane_;
    const Neighbourhood& neighbourhood_;
    std::map<std::string, Mode> modes_; // by service
    std::map<Key, Evidence> evidence_;
    Clock::time_point next_;
};

} // namespace proxip::app
