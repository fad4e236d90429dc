// An apply that waits to be confirmed.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/controller.hpp"
#include "model/codec.hpp"

namespace proxip::app {

Result<void> Controller::admit(const Change& change) const {
    if (!trial_ || change.confirm || change.goes_back) {
        return {};
    }
    return fail(ErrorCode::refused,
                fmt::format("generation {} waits to be confirmed, {:.0f} s more: expected \"lbctl confirm\", \"lbctl "
                            "rollback\" or another \"lbctl apply --confirm\" first",
                            generation_, trial_->seconds_left()));
}

// What it goes back to stays the same when another one is tried meanwhile.
std::optional<Trial> Controller::next_trial(const Change& change, bool same) const {
    if (!change.confirm) {
        return std::nullopt;
    }
    if (trial_) {
        return trial_->renewed(*change.confirm);
    }
    if (same) {
        return std::nullopt;
    }
    return Trial::begun(*change.confirm, {.generation = generation_,
                                          .running = running_,
                                          .applied = applied_,
                                          .file_digest = file_digest_,
                                          .overlay = overlay_.saved()});
}

Result<Controller::Outcome> Controller::confirm() {
    if (!trial_) {
        return fail(ErrorCode::refused, fmt::format("no apply waits to be confirmed: generation {} runs", generation_));
    }
    const Change stays{.config = running_, .overlay = overlay_};
    if (auto written = parts_.store.prepare(state(generation_, stays, {})); !written) {
        return std::unexpected(written.error());
    }
    if (auto committed = parts_.store.commit(); !committed) {
        parts_.store.abandon(); // what is told as refused must not come into force with the next start
        return std::unexpected(committed.error());
    }
    trial_.reset();
    parts_.events.publish(spdlog::level::info, {.type = "generation",
                                                .state = fmt::format("{}", generation_),
                                                .message = fmt::format("generation {} is confirmed", generation_),
                                                .by = "confirm"});
    const auto ports = policy::port_arithmetic(running_);
    return Outcome{.generation = generation_,
                   .changes = {},
                   .ports = ports,
                   .warnings = warnings(running_),
                   .ports_before = ports.bytes};
}

Result<Controller::Outcome> Controller::roll_back(std::string_view by) {
    if (!trial_) {
        return fail(ErrorCode::refused, fmt::format("no apply waits to be confirmed: generation {} runs", generation_));
    }
    const store::Former former = trial_->former();
    const std::uint64_t tried = generation_;
    auto outcome = commit({.config = former.running,
                           .overlay = Overlay(former.overlay),
                           .applied = former.applied,
                           .digest = former.file_digest,
                           .goes_back = true,
                           .by = by});
    if (outcome) {
        parts_.events.publish(
            spdlog::level::warn,
            {.type = "generation",
             .state = fmt::format("{}", outcome->generation),
             .message = fmt::format("generation {} is taken back: generation {} is generation {} again", tried,
                                    outcome->generation, former.generation),
             .by = std::string(by)});
    }
    return outcome;
}

void Controller::end_trial_if_due() {
    if (!trial_ || !trial_->due()) {
        return;
    }
    spdlog::warn("generation {} was not confirmed in {}", generation_, duration_text(trial_->limit()));
    if (auto done = roll_back("timeout"); !done) { // tried again at the next tick
        spdlog::error("cannot go back to generation {}: {}", trial_->former().generation, done.error().text());
    }
}

} // namespace proxip::app
