#pragma once

// The table of commands. Each one declares on its CLI11 subcommand what it takes, and gives back the function that
// turns what was typed into an action; the tree, the help and the completion scripts all come from this table.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <CLI/App.hpp>

#include "cli/action.hpp"

namespace proxip::cli {

// Reads a file, or standard input for "-". Errors carry the name as their path.
using ReadFile = std::function<Result<std::string>(const std::string& name)>;

struct Inputs {
    const ReadFile& read;
    Output output = Output::table;
};

using Build = std::function<Result<Action>(const Inputs&)>;

struct Command {
    std::string_view noun; // "" for a command without one: "status"
    std::string_view verb; // "show" is also what a noun alone means, and is called `ls` and `list` too
    std::string_view help;
    Build (*declare)(CLI::App& app);
};

struct Noun {
    std::string_view name;
    std::string_view help;
};

[[nodiscard]] std::span<const Noun> nouns();

// Whether any option of this command's own (not a plain argument, not one that every change has) was typed.
[[nodiscard]] bool any_option(const CLI::App& app);

// What every change by hand can have: --dry-run and --if-generation.
struct Guard {
    bool dry_run = false;
    std::optional<std::string> if_generation;

    void declare(CLI::App& app);
    [[nodiscard]] Result<Action> put_on(Action action) const;
};

// A command that makes an api::Edit, with a guard.
template <Build (*declare)(CLI::App&)>
Build changing(CLI::App& app) {
    auto build = declare(app);
    const auto guard = std::make_shared<Guard>();
    guard->declare(app);
    return [build = std::move(build), guard](const Inputs& inputs) -> Result<Action> {
        auto action = build(inputs);
        return action ? guard->put_on(std::move(*action)) : action;
    };
}

[[nodiscard]] std::span<const Command> agent_commands();   // status, version, stats, drops, doctor, explain
[[nodiscard]] std::span<const Command> watch_commands();   // top, monitor
[[nodiscard]] std::span<const Command> trace_commands();   // trace
[[nodiscard]] std::span<const Command> service_commands(); // service …
[[nodiscard]] std::span<const Command> backend_commands(); // backend …
[[nodiscard]] std::span<const Command> server_commands();  // server …
[[nodiscard]] std::span<const Command> pool_commands();    // pool …
[[nodiscard]] std::span<const Command> conn_commands();    // conn …
[[nodiscard]] std::span<const Command> config_commands();  // validate, diff, apply, confirm, rollback, dump
[[nodiscard]] std::span<const Command> batch_commands();   // batch
[[nodiscard]] std::span<const Command> convert_commands(); // convert
[[nodiscard]] std::span<const Command> shell_commands();   // completion

} // namespace proxip::cli
