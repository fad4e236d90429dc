#pragma once

// The one writer of state. Every change takes the same way: valid, affordable, compiled, on disk, in the kernel; and
// only then it is the running configuration. What fails on the way has changed nothing.

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "app/events.hpp"
#include "app/health_book.hpp"
#include "app/neighbourhood.hpp"
#include "app/overlay.hpp"
#include "app/trial.hpp"
#include "dataplane/dataplane.hpp"
#include "model/diff.hpp"
#include "policy/image.hpp"
#include "policy/port_arithmetic.hpp"
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
        Events& events;
    };

    explicit Controller(Parts parts) : parts_(parts) {}

    // At start: the running configuration is restored when the file is the one that was last applied; a changed file is
    // applied, and what that drops of hand-made changes is logged.
    [[nodiscard]] Result<void> begin(const Config& file, const std::string& text);

    struct Change {
        Config config;
        Overlay overlay;
        std::optional<Config> applied = std::nullopt;     // from now on, drift is what differs from it
        std::optional<std::string> digest = std::nullopt; // of the agent's own file, when it was read for this
        std::optional<Millis> confirm = std::nullopt;     // it goes back after so long
        bool goes_back = false;
        std::string_view by = "hand"; // who wants it, as api::Event has it
    };
    struct Outcome {
        std::uint64_t generation = 0;
        std::vector<proxip::Change> changes;
        policy::PortArithmetic ports;
        std::vector<std::string> warnings;
        std::uint64_t ports_before = 0; // bytes
    };
    // Refused while an apply waits to be confirmed, unless it is one that must be confirmed itself.
    [[nodiscard]] Result<Outcome> commit(Change change);
    [[nodiscard]] Result<Outcome> commit_file(const Config& file, std::optional<Millis> confirm); // somebody's
    [[nodiscard]] Result<Outcome> commit_own_file(const Config& file, const std::string& text, std::string_view by);
    // What commit() would say, without doing it.
    [[nodiscard]] Result<Outcome> plan(const Config& config, const Overlay& overlay);
    [[nodiscard]] Result<Outcome> plan_file(const Config& file) { return plan(file, overlay_.after_apply(file)); }

    // The apply that waits to be confirmed, if there is one: it stays, or what ran before comes back.
    [[nodiscard]] const std::optional<Trial>& trial() const { return trial_; }
    [[nodiscard]] Result<Outcome> confirm();
    [[nodiscard]] Result<Outcome> roll_back(std::string_view by = "rollback");
    void end_trial_if_due();

    // From time to time: ids of what was removed are free when nothing names them any more.
    void tick();

    void record(const probe::Target& target, const probe::Outcome& outcome);
    // The same configuration, other schedules: after health changed, and with each step of a slow start.
    void reschedule();
    [[nodiscard]] std::optional<policy::Instant> reschedule_due() const { return due_; }

    [[nodiscard]] const Config& running() const { return running_; }
    [[nodiscard]] const Overlay& overlay() const { return overlay_; }
    [[nodiscard]] const HealthBook& health() const { return health_; }
    [[nodiscard]] const policy::Identities& identities() const { return ids_; }
    // The data plane's ids of these backends; empty for those that it does not know.
    [[nodiscard]] std::set<policy::Id> bindings_of(const std::string& service,
                                                   const std::vector<SocketAddress>& backends) const;
    [[nodiscard]] std::uint64_t generation() const { return generation_; }
    // A backend that was removed, but has connections or their ids still.
    struct Leaving {
        std::string service;
        policy::EndpointKey endpoint;
        policy::Id binding = 0;
    };
    [[nodiscard]] std::vector<Leaving> leaving() const;
    [[nodiscard]] bool is_named(policy::Id binding) const { return named_.bindings.contains(binding); }
    [[nodiscard]] std::string service_name(const ServiceAddress& address) const; // removed ones too, as far as known
    [[nodiscard]] std::map<policy::Id, std::string> service_names() const;       // likewise, by the data plane's ids
    [[nodiscard]] bool knows_service(const std::string& name) const;

    // Why the agent's own file, as it is now, does not run; "" when it does.
    void refuse_file(const std::string& why);
    [[nodiscard]] const std::string& file_trouble() const { return file_trouble_; }

    [[nodiscard]] bool drift() const; // looked for once after a change: with thousands of services it takes a while
    // Who of a running service takes new connections, as the data plane has it.
    [[nodiscard]] const policy::Rotation& rotation(const Service& service) const { return rotations_.at(service.name); }
    [[nodiscard]] Admin admin(const Service& service, const Backend& backend) const {
        return overlay_.admin(service, backend);
    }

  private:
    struct Prepared {
        Outcome outcome;
        policy::Identities ids;
        policy::Image image;
    };

    [[nodiscard]] Result<void> restore(const store::State& state);
    [[nodiscard]] Result<policy::Image> compile(const Config& config, const Overlay& overlay, policy::Identities& ids,
                                                policy::Instant now);
    using ByName = std::unordered_map<std::string_view, const Service*>;
    [[nodiscard]] ByName running_by_name() const;
    // `before`: the service as it runs; nullptr: it does not.
    [[nodiscard]] bool joins(const Overlay& overlay, const Service* before, const Service& service,
                             const Backend& backend) const;
    [[nodiscard]] policy::Rotation rotation_of(const Overlay& overlay, const Service* before, const Service& service,
                                               policy::Instant now) const;
    void adopt_health();
    // After the data plane took them.
    void adopt_rotations(policy::Instant now);
    void reset_connections(const std::set<policy::Id>& bindings);
    void tell_basis(const Service& service, policy::Basis before, policy::Basis now);
    void tell_change(const Change& change, const Outcome& outcome);
    [[nodiscard]] Result<Prepared> prepare(const Config& config, const Overlay& overlay, policy::Instant now);
    [[nodiscard]] Result<void> install(const Config& config, Prepared prepared, std::uint64_t generation,
                                       bool ours_already);
    [[nodiscard]] bool collect_ids();
    [[nodiscard]] Result<void> admit(const Change& change) const;
    [[nodiscard]] std::optional<Trial> next_trial(const Change& change, bool same) const;
    [[nodiscard]] store::State state(std::uint64_t generation, const Change& change,
                                     const std::optional<Trial>& trial) const;
    [[nodiscard]] std::map<ServiceAddress, std::string> former_names_after(const Config& config) const;
    void settle(const Change& change, std::uint64_t generation, policy::Instant now, bool installed);

    Parts parts_;
    Config running_;
    Config applied_;
    mutable std::optional<bool> drift_; // between these two
    std::string file_digest_;
    Overlay overlay_;
    HealthBook health_;
    policy::Identities ids_;
    policy::References named_; // by the running configuration
    std::uint64_t generation_ = 0;
    std::optional<Trial> trial_;
    std::map<ServiceAddress, std::string> former_names_; // of services that were removed
    std::string file_trouble_;
    std::map<std::string, policy::Rotation> rotations_;    // of the running services
    std::set<std::pair<std::string, SocketAddress>> dead_; // backends that the data plane has as down
    policy::Schedules schedules_;
    std::chrono::milliseconds reschedule_took_{0}; // the last one
    std::optional<policy::Instant> due_;
    std::optional<std::chrono::steady_clock::time_point> installed_at_; // by this agent
    std::chrono::steady_clock::time_point next_collection_;
};

} // namespace proxip::app
