#pragma once

// The one writer of state. Every change takes the same way: valid, affordable, compiled, on disk, in the kernel; and
// only then it is the running configuration. What fails on the way has changed nothing.

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "app/health_book.hpp"
#include "app/neighbourhood.hpp"
#include "app/overlay.hpp"
#include "dataplane/dataplane.hpp"
#include "model/diff.hpp"
#include "policy/image.hpp"
#include "probe/checker.hpp"
#include "store/store.hpp"

namespace proxip::app {

class Controller {
  public:
    struct Parts {
        dataplane::Dataplane& dataplane;
        store::Store& store;
        Neighbourhood& neighbourhood;
        probe::Checker& checker;
    };

    explicit Controller(Parts parts) : parts_(parts) {}

    // At start: the running configuration is restored when the file is the one that was last applied; a changed file is
    // applied, and what that drops of hand-made changes is logged.
    [[nodiscard]] Result<void> begin(const Config& file, const std::string& text);

    struct Change {
        Config config;
        Overlay overlay;
        bool applied = false;              // it is a file: from now on, drift is what differs from it
        std::optional<std::string> digest; // of the agent's own file, when it was read for this
    };
    struct Outcome {
        std::uint64_t generation = 0;
        std::vector<proxip::Change> changes;
        policy::PortArithmetic ports;
        std::vector<std::string> warnings;
    };
    [[nodiscard]] Result<Outcome> commit(Change change);
    [[nodiscard]] Result<Outcome> commit_file(const Config& file);                              // somebody's
    [[nodiscard]] Result<Outcome> commit_own_file(const Config& file, const std::string& text); // the agent's own
    // What commit() would say, without doing it.
    [[nodiscard]] Result<Outcome> plan(const Config& config) const;

    void record(const probe::Target& target, const probe::Outcome& outcome);
    // The same configuration, other schedules: after health changed, and with each step of a slow start.
    void reschedule();
    [[nodiscard]] std::optional<policy::Instant> reschedule_due() const { return due_; }

    [[nodiscard]] const Config& running() const { return running_; }
    [[nodiscard]] const Overlay& overlay() const { return overlay_; }
    [[nodiscard]] const HealthBook& health() const { return health_; }
    [[nodiscard]] const policy::Identities& identities() const { return ids_; }
    [[nodiscard]] std::uint64_t generation() const { return generation_; }
    [[nodiscard]] bool drift() const { return !diff(applied_, running_).empty(); }
    // Who of a running service takes new connections, as the data plane has it.
    [[nodiscard]] const policy::Rotation& rotation(const Service& service) const { return rotations_.at(service.name); }
    [[nodiscard]] Admin admin(const Service& service, const Backend& backend) const {
        return overlay_.admin(service, backend);
    }

  private:
    [[nodiscard]] Result<void> restore(const store::State& state);
    [[nodiscard]] Result<policy::Image> compile(const Config& config, const Overlay& overlay, policy::Identities& ids,
                                                policy::Instant now) const;
    [[nodiscard]] bool joins(const Overlay& overlay, const Service& service, const Backend& backend) const;
    [[nodiscard]] policy::Rotation rotation_of(const Overlay& overlay, const Service& service,
                                               policy::Instant now) const;
    void adopt_health();
    // After the data plane took them.
    void adopt_rotations(policy::Instant now);
    void went_down(const Service& service, const Backend& backend);
    [[nodiscard]] Result<void> install(const Config& config, const Overlay& overlay, std::uint64_t generation,
                                       policy::Instant now, bool ours_already);
    void collect_ids();
    [[nodiscard]] store::State state(std::uint64_t generation, const Change& change) const;
    void settle(const Change& change, std::uint64_t generation, policy::Instant now);

    Parts parts_;
    Config running_;
    Config applied_;
    std::string file_digest_;
    Overlay overlay_;
    HealthBook health_;
    policy::Identities ids_;
    policy::References named_; // by the running configuration
    std::uint64_t generation_ = 0;
    std::map<std::string, policy::Rotation> rotations_;    // of the running services
    std::set<std::pair<std::string, SocketAddress>> dead_; // backends that the data plane has as down
    mutable policy::Schedules schedules_;                  // a cache
    std::chrono::milliseconds reschedule_took_{0};         // the last one
    std::optional<policy::Instant> due_;
    std::optional<std::chrono::steady_clock::time_point> installed_at_; // by this agent
};

} // namespace proxip::app
