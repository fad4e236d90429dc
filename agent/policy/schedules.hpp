#pragma once

// The table of positions of each service, kept as long as what it is made from stays: when one of 5,000 backends dies,
// the tables of all services would take 0.3 s, in which no check is answered.

#include <map>
#include <string>
#include <vector>

#include "model/config.hpp"
#include "policy/rotation.hpp"
#include "policy/scheduling.hpp"

namespace proxip::policy {

class Schedules {
  public:
    [[nodiscard]] const std::vector<std::uint16_t>& of(const Service& service, const Rotation& rotation);
    // Forgets services that are no more.
    void keep_only(const Config& config);

  private:
    struct Made {
        Scheduler scheduler = Scheduler::maglev;
        std::vector<Weighted> from;
        std::vector<std::uint16_t> table;
    };
    std::map<std::string, Made> made_; // by the service's name
};

} // namespace proxip::policy
