// Options that every change by hand has.

#include <algorithm>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace {

constexpr auto group = "Any change";

} // namespace

bool any_option(const CLI::App& app) {
    return std::ranges::any_of(app.get_options(), [](const CLI::Option* option) {
        return !option->get_positional() && option->count() > 0 && option->get_group() != group;
    });
}

void Guard::declare(CLI::App& app) {
    app.add_flag("--dry-run", dry_run, "say what would change, and change nothing")->group(group);
    app.add_option("--if-generation", if_generation, "only when this generation runs (else exit 7)")
        ->option_text("N")
        ->group(group);
}

Result<Action> Guard::put_on(Action action) const {
    api::Batch batch{.steps = {}, .dry_run = dry_run};
    Reading reading;
    reading.one("--if-generation", if_generation, batch.if_generation);
    if (reading.error()) {
        return std::unexpected(*reading.error());
    }
    auto* call = std::get_if<Call>(&action);
    auto edit = call == nullptr ? std::nullopt : api::edit_of(call->request);
    if (!edit || (!dry_run && !if_generation)) {
        return action;
    }
    if (dry_run && call->wait) {
        return usage("nothing is changed with --dry-run, so there is nothing to wait for", "--wait");
    }
    batch.steps.push_back({.edit = std::move(*edit), .place = {}});
    call->request = std::move(batch);
    return action;
}

} // namespace proxip::cli
