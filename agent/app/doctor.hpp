#pragma once

// `lbctl doctor`: gathers the facts that policy/doctor.hpp judges.

#include "api/messages.hpp"
#include "app/controller.hpp"
#include "app/host_facts.hpp"
#include "app/late_counts.hpp"
#include "app/nat_journal.hpp"
#include "app/neighbourhood.hpp"
#include "app/options.hpp"
#include "app/silence_watch.hpp"
#include "app/web.hpp"
#include "dataplane/dataplane.hpp"
#include "policy/doctor.hpp"

namespace proxip::app {

class Doctor {
  public:
    struct Parts {
        const Controller& controller;
        const dataplane::Dataplane& dataplane;
        const Neighbourhood& neighbourhood;
        const Web& web;
        const NatJournal& nat;
        const Options& options;
    };
    explicit Doctor(Parts parts)
        : parts_(parts), silence_(parts.controller, parts.dataplane, parts.neighbourhood),
          late_(parts.dataplane, parts.neighbourhood) {}

    void tick();                                // remembers what a look at one moment cannot show
    void follow_change() { silence_.follow(); } // at once, so that calls right after it count
    [[nodiscard]] api::Doctor examine();

  private:
    [[nodiscard]] policy::doctor::Facts gather() const;
    void gather_servers(const Survey& survey, policy::doctor::Facts& facts) const;
    void gather_silences(const Survey& survey, policy::doctor::Facts& facts) const;
    void gather_capacity(policy::doctor::Facts& facts) const;
    void gather_host(policy::doctor::Facts& facts) const;

    Parts parts_;
    SilenceWatch silence_;
    LateCounts late_;
    WallClock clock_;
};

} // namespace proxip::app
