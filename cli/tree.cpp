#include "cli/tree.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <CLI/Config.hpp> // CLI11 leaves two vtables to whoever includes these
#include <CLI/Formatter.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/version.hpp"

namespace proxip::cli {
namespace {

constexpr auto footer =
    "DURATION: 500ms, 2s, 5m, 1h30m. A noun alone shows; `ls` and `list` mean `show`.\n"
    "Exit: 0 ok, 1 refused or failed, 2 usage, 3 agent unreachable, 4 permission denied, 5 not found,\n"
    "      6 diff found a difference, 7 not that generation, 8 waited in vain.";

CLI::Option* add_global(CLI::App& root, const char* names, Text& value, const char* help, const char* form) {
    return root.add_option(names, value, help)
        ->option_text(form)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

} // namespace

Tree::Tree(std::string_view only) : root_("Speaks to lbagent: a layer-4 load balancer with a Proxy IP", "lbctl") {
    root_.fallthrough(); // inherited: globals may stand before and after a command
    root_.require_subcommand(1);
    root_.footer(footer);
    root_.set_version_flag("--version", std::string{api::version()}, "lbctl's own version");
    add_global(root_, "--socket", globals_.socket, "the agent's socket (or LBCTL_SOCKET)", "PATH");
    add_global(root_, "-o,--output", globals_.output, "how to print", "table|wide|json");
    add_global(root_, "--timeout", globals_.timeout, "for the agent to answer", "DURATION");
    for (const auto& noun : nouns()) {
        root_.add_subcommand(std::string{noun.name}, std::string{noun.help})->group("Nouns")->require_subcommand(0, 1);
    }
    const std::array tables{agent_commands(),   watch_commands(),  trace_commands(),   service_commands(),
                            backend_commands(), server_commands(), pool_commands(),    conn_commands(),
                            config_commands(),  batch_commands(),  convert_commands(), shell_commands()};
    for (const auto& table : tables) {
        for (const Command& command : table) {
            if (only.empty() || command.noun == only) {
                add(command);
            }
        }
    }
}

CLI::App& Tree::noun(std::string_view name) {
    return name.empty() ? root_ : *root_.get_subcommand(std::string{name});
}

void Tree::add(const Command& command) {
    CLI::App& parent = noun(command.noun);
    CLI::App& app = *parent.add_subcommand(std::string{command.verb}, std::string{command.help})->group("Commands");
    builds_[&app] = command.declare(app);
    if (command.verb == "show") {
        app.alias("ls")->alias("list");
        builds_[&parent] = builds_[&app];
    }
}

void Tree::parse(std::vector<std::string> args) {
    std::ranges::reverse(args); // CLI11 takes them from the back
    root_.parse(std::move(args));
}

const CLI::App& Tree::chosen() const {
    const CLI::App* app = &root_;
    for (auto inner = app->get_subcommands(); !inner.empty(); inner = app->get_subcommands()) {
        app = inner.front();
    }
    return *app;
}

Result<Action> Tree::build(const Inputs& inputs) const {
    const auto build = builds_.find(&chosen());
    if (build == builds_.end()) { // a noun that has nothing to show
        std::vector<std::string> names;
        for (const auto* inner : chosen().get_subcommands([](const CLI::App*) { return true; })) {
            names.push_back(inner->get_name());
        }
        return usage(fmt::format("expected a command: {}", fmt::join(names, ", ")), "");
    }
    return build->second(inputs);
}

std::string full_name(const CLI::App& app) {
    const auto* parent = app.get_parent();
    return parent == nullptr ? app.get_name() : full_name(*parent) + " " + app.get_name();
}

} // namespace proxip::cli
