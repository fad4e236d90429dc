#include "app/controller.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "model/codec.hpp"

namespace proxip::app {

namespace {

// A command answers when the next hops that it needs are known, or after this long.
constexpr std::chrono::milliseconds next_hop_patience{50};
constexpr std::chrono::milliseconds health_settle{10}; // a switch that dies takes many backends at once
constexpr std::chrono::seconds install_retry{1};

// What the file undoes of what was changed by hand, or by another file, since it was last read.
void log_dropped(const Config& running, const Config& file) {
    for (const auto& change : diff(running, file)) {
        spdlog::warn("the file drops a change by hand: {} {}: \"{}\" -> \"{}\"", change.action, change.path,
                     change.from, change.to);
    }
}

} // namespace

// ---- start

Result<void> Controller::begin(const Config& file, const std::string& text) {
    const std::uint64_t kernel_generation = parts_.dataplane.generation();
    auto ids = parts_.dataplane.identities();
    if (!ids) {
        return std::unexpected(ids.error());
    }
    ids_ = std::move(*ids);
    auto saved =
        parts_.store.load(kernel_generation != 0 ? std::optional(kernel_generation) : std::optional<std::uint64_t>());
    if (!saved) {
        return std::unexpected(saved.error());
    }
    if (*saved) {
        generation_ = std::max((*saved)->generation, kernel_generation);
        if (auto done = restore(**saved); !done) {
            return done;
        }
        end_trial_if_due();
        if (file_digest_ == store::digest(text)) {
            return {};
        }
        if (trial_) {
            refuse_file("it changed, but an apply waits to be confirmed: reload when that is decided");
            return {};
        }
        spdlog::info("the file changed since it was last applied");
    } else {
        generation_ = kernel_generation;
        // Nothing is known of what ran: the file is the first configuration.
        parts_.neighbourhood.refresh();
    }
    const Config before = running_;
    auto applied = commit_own_file(file, text, "start");
    if (!applied) {
        return std::unexpected(applied.error());
    }
    if (*saved) {
        log_dropped(before, file);
    }
    return {};
}

Result<void> Controller::restore(const store::State& state) {
    running_ = state.running;
    applied_ = state.applied;
    drift_.reset();
    file_digest_ = state.file_digest;
    overlay_ = Overlay(state.overlay);
    former_names_ = state.leaving;
    trial_ = state.confirm.transform([](const store::Confirm& saved) { return Trial::resumed(saved); });
    health_.follow(running_);
    adopt_health();
    const bool ran_already = parts_.dataplane.generation() != 0;
    // An interface that went away must not keep the rest down.
    if (auto attached = parts_.neighbourhood.attach(running_.agent, running_.agent); !attached) {
        return attached;
    }
    const policy::Instant now = std::chrono::steady_clock::now();
    Prepared prepared{.outcome = {}, .ids = ids_, .image = {}};
    auto image = compile(running_, overlay_, prepared.ids, now);
    if (!image) {
        return std::unexpected(image.error());
    }
    prepared.image = std::move(*image);
    if (auto done = install(running_, std::move(prepared), generation_, ran_already); !done) {
        return done;
    }
    parts_.neighbourhood.detach_others(running_.agent);
    adopt_rotations(std::chrono::steady_clock::now());
    parts_.checker.watch(HealthBook::targets(running_));
    spdlog::info("generation {} restored", generation_);
    return {};
}

// ---- changes

// Of a service that ran before, one that was added or enabled again.
bool Controller::joins(const Overlay& overlay, const Service* before, const Service& service,
                       const Backend& backend) const {
    if (before == nullptr || overlay.admin(service, backend) != Admin::enabled) {
        return false;
    }
    const Backend* known = before->find(backend.address);
    return known == nullptr || overlay_.admin(*before, *known) != Admin::enabled;
}

policy::Rotation Controller::rotation_of(const Overlay& overlay, const Service* before, const Service& service,
                                         policy::Instant now) const {
    std::vector<policy::Standing> standings;
    for (const Backend& backend : service.backends) {
        auto standing = health_.standing(service.name, backend.address);
        standing.admin = overlay.admin(service, backend);
        if (service.check.type == CheckType::none) { // the check may just be going
            standing.health = policy::Health::unknown;
        }
        if (joins(overlay, before, service, backend)) {
            standing.joined = now;
        }
        standings.push_back(standing);
    }
    return policy::rotation(service, standings, now);
}

std::set<policy::Id> Controller::bindings_of(const std::string& name,
                                             const std::vector<SocketAddress>& backends) const {
    std::set<policy::Id> out;
    if (const Service* service = running_.service(name)) {
        for (const SocketAddress& address : backends) {
            if (const auto binding = ids_.binding(service->address, address)) {
                out.insert(*binding);
            }
        }
    }
    return out;
}

// Health stays as it was last known until the first checks are in.
void Controller::adopt_health() {
    for (const Service& service : running_.services) {
        for (const Backend& backend : service.backends) {
            const auto binding = ids_.binding(service.address, backend.address);
            if (binding && parts_.dataplane.is_down(*binding)) {
                health_.adopt_down(service.name, backend.address);
            } else if (binding) {
                health_.adopt_serving(service.name, backend.address);
            }
        }
    }
}

// For the thousands of them that a change asks for.
Controller::ByName Controller::running_by_name() const {
    ByName out;
    for (const Service& service : running_.services) {
        out.emplace(service.name, &service);
    }
    return out;
}

Result<policy::Image> Controller::compile(const Config& config, const Overlay& overlay, policy::Identities& ids,
                                          policy::Instant now) {
    const ByName running = running_by_name();
    const auto rotations = [&](const Service& service) {
        const auto before = running.find(service.name);
        return rotation_of(overlay, before == running.end() ? nullptr : before->second, service, now);
    };
    return policy::compile(config, rotations, schedules_, ids, std::random_device{}());
}

Result<void> Controller::install(const Config& config, Prepared prepared, std::uint64_t generation, bool ours_already) {
    // Paths first: a backend that new connections are sent to has its next hop by then.
    parts_.neighbourhood.follow(config, prepared.ids, ours_already);
    parts_.neighbourhood.settle(next_hop_patience);
    if (auto done = parts_.dataplane.install(prepared.image, generation); !done) {
        parts_.neighbourhood.follow(running_, ids_, false);
        parts_.neighbourhood.installed();
        return done;
    }
    parts_.neighbourhood.installed();
    ids_ = std::move(prepared.ids);
    named_ = std::move(prepared.image.named);
    installed_at_ = std::chrono::steady_clock::now();
    return {};
}

Result<Controller::Prepared> Controller::prepare(const Config& config, const Overlay& overlay, policy::Instant now) {
    if (auto valid = validate(config); !valid) {
        return std::unexpected(valid.error());
    }
    auto ports = policy::check_port_memory(config);
    if (!ports) {
        return std::unexpected(ports.error());
    }
    (void)collect_ids();
    Prepared out{.outcome = {}, .ids = ids_, .image = {}};
    auto image = compile(config, overlay, out.ids, now);
    if (!image) {
        return std::unexpected(image.error());
    }
    out.image = std::move(*image);
    out.outcome = {.generation = generation_,
                   .changes = diff(running_, config),
                   .ports = std::move(*ports),
                   .warnings = warnings(config),
                   .ports_before = policy::port_arithmetic(running_).bytes};
    for (auto& change : overlay_.changes_to(overlay, running_, config)) {
        out.outcome.changes.push_back(std::move(change));
    }
    return out;
}

Result<Controller::Outcome> Controller::plan(const Config& config, const Overlay& overlay) {
    auto prepared = prepare(config, overlay.kept_for(config), std::chrono::steady_clock::now());
    return prepared ? Result<Outcome>(std::move(prepared->outcome)) : std::unexpected(prepared.error());
}

store::State Controller::state(std::uint64_t generation, const Change& change,
                               const std::optional<Trial>& trial) const {
    return {.generation = generation,
            .running = change.config,
            .applied = change.applied.value_or(applied_),
            .file_digest = change.digest.value_or(file_digest_),
            .overlay = change.overlay.saved(),
            .leaving = former_names_after(change.config),
            .confirm = trial ? std::optional(trial->saved()) : std::nullopt};
}

Result<Controller::Outcome> Controller::commit(Change change) {
    if (auto admitted = admit(change); !admitted) {
        return std::unexpected(admitted.error());
    }
    change.overlay = change.overlay.kept_for(change.config);
    const policy::Instant now = std::chrono::steady_clock::now();
    auto prepared = prepare(change.config, change.overlay, now);
    if (!prepared) {
        return std::unexpected(prepared.error());
    }
    Outcome outcome = prepared->outcome;
    const bool same = outcome.changes.empty() && change.overlay == overlay_ && generation_ != 0;
    if (same && !change.applied) {
        return outcome;
    }
    const std::uint64_t next = same ? generation_ : generation_ + 1;
    const auto trial = next_trial(change, same);
    const auto modes = parts_.neighbourhood.attached_modes();
    if (auto attached = parts_.neighbourhood.attach(change.config.agent, running_.agent); !attached) {
        return std::unexpected(attached.error());
    }
    if (auto written = parts_.store.prepare(state(next, change, trial)); !written) {
        parts_.neighbourhood.restore_modes(modes);
        return std::unexpected(written.error());
    }
    if (!same) {
        if (auto done = install(change.config, std::move(*prepared), next, false); !done) {
            parts_.store.abandon();
            parts_.neighbourhood.restore_modes(modes);
            return std::unexpected(done.error());
        }
    }
    if (change.confirm && !trial) {
        outcome.warnings.emplace_back("nothing changed: there is nothing to confirm");
    }
    trial_ = trial;
    settle(change, next, now, !same);
    if (auto committed = parts_.store.commit(); !committed) {
        // The kernel has taken it and it is on disk as prepared: a restart finds it by its generation.
        spdlog::error("{}", committed.error().text());
        outcome.warnings.push_back("taken, but its state is not renamed yet: " + committed.error().text());
    }
    outcome.generation = generation_;
    if (!same) {
        tell_change(change, outcome);
    }
    return outcome;
}

bool Controller::drift() const {
    if (!drift_) {
        drift_ = !diff(applied_, running_).empty();
    }
    return *drift_;
}

void Controller::settle(const Change& change, std::uint64_t generation, policy::Instant now, bool installed) {
    former_names_ = former_names_after(change.config);
    applied_ = change.applied.value_or(std::move(applied_));
    file_digest_ = change.digest.value_or(file_digest_);
    health_.follow(change.config);
    const ByName running = running_by_name();
    for (const Service& service : change.config.services) {
        const auto before = running.find(service.name);
        for (const Backend& backend : service.backends) {
            if (joins(change.overlay, before == running.end() ? nullptr : before->second, service, backend)) {
                health_.join(service.name, backend.address, now);
            }
        }
    }
    running_ = change.config;
    drift_.reset();
    schedules_.keep_only(running_);
    overlay_ = change.overlay;
    generation_ = generation;
    parts_.neighbourhood.detach_others(running_.agent);
    if (installed) { // else what the checks found meanwhile is still due
        adopt_rotations(now);
    }
    parts_.checker.watch(HealthBook::targets(running_));
}

Result<Controller::Outcome> Controller::commit_file(const Config& file, std::optional<Millis> confirm) {
    return commit(
        {.config = file, .overlay = overlay_.after_apply(file), .applied = file, .confirm = confirm, .by = "apply"});
}

Result<Controller::Outcome> Controller::commit_own_file(const Config& file, const std::string& text,
                                                        std::string_view by) {
    auto outcome = commit({.config = file,
                           .overlay = overlay_.after_apply(file),
                           .applied = file,
                           .digest = store::digest(text),
                           .by = by});
    if (outcome) {
        file_trouble_.clear();
    }
    return outcome;
}

// ---- health

void Controller::record(const probe::Target& target, const probe::Outcome& outcome) {
    const policy::Instant now = std::chrono::steady_clock::now();
    const auto before = health_.state(target.service, target.backend);
    if (!health_.record(target, outcome, now)) {
        return;
    }
    const bool up = health_.state(target.service, target.backend) == policy::Health::up;
    const std::string backend = target.backend.text();
    const std::string state = up ? "up" : "down";
    parts_.events.publish(
        up ? spdlog::level::info : spdlog::level::warn,
        {.type = "backend",
         .state = state,
         .message = fmt::format("service {}: backend {} is {} ({})", target.service, backend, state, outcome.detail),
         .service = target.service,
         .backend = backend,
         .reason = outcome.detail});
    // Unknown counts as up: a first good answer changes nothing.
    if (!up || before != policy::Health::unknown) {
        // Between two reschedules checks are answered, also where they take long and backends die one by one.
        const policy::Instant soon = now + std::max(health_settle, 3 * reschedule_took_);
        due_ = std::min(due_.value_or(soon), soon);
    }
}

void Controller::reschedule() {
    const policy::Instant now = std::chrono::steady_clock::now();
    auto image = compile(running_, overlay_, ids_, now);
    auto done = image ? parts_.dataplane.install(*image, generation_) : std::unexpected(image.error());
    if (!done) {
        spdlog::error("{}", done.error().text());
        due_ = now + install_retry;
        return;
    }
    adopt_rotations(now);
    reschedule_took_ = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - now);
}

void Controller::adopt_rotations(policy::Instant now) {
    const auto before = std::exchange(rotations_, {});
    const auto dead_before = std::exchange(dead_, {});
    due_.reset();
    std::set<policy::Id> to_reset;
    for (const Service& service : running_.services) {
        const auto& rotation =
            rotations_.emplace(service.name, rotation_of(overlay_, &service, service, now)).first->second;
        if (rotation.next_step) {
            due_ = std::min(due_.value_or(*rotation.next_step), *rotation.next_step);
        }
        if (const auto former = before.find(service.name); former != before.end()) {
            tell_basis(service, former->second.basis, rotation.basis);
        }
        for (std::size_t i = 0; i < rotation.shares.size(); ++i) {
            const Backend& backend = service.backends[i];
            if (rotation.shares[i].dead && dead_.emplace(service.name, backend.address).second &&
                !dead_before.contains({service.name, backend.address})) {
                const auto binding = ids_.binding(service.address, backend.address);
                if (binding && service.on_down == OnDown::reset) {
                    to_reset.insert(*binding);
                }
            }
        }
    }
    reset_connections(to_reset);
}

// What a backend that went down has not answered, and its UDP, goes to another by itself (ABI_BINDING_DOWN); its live
// TCP connections are kept or reset. Once for all that died together: it looks through every connection.
void Controller::reset_connections(const std::set<policy::Id>& bindings) {
    if (bindings.empty()) {
        return;
    }
    const std::size_t ended = parts_.dataplane.end_connections([&](const dataplane::Connection& connection) {
        return connection.protocol == Protocol::tcp && bindings.contains(connection.binding);
    });
    spdlog::info("{} connections of {} backend{} that went down were reset", ended, bindings.size(),
                 bindings.size() == 1 ? "" : "s");
}

} // namespace proxip::app
