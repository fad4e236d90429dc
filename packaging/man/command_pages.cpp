#include <algorithm>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <fmt/format.h>

#include "agent/app/options.hpp"
#include "cli/action.hpp"
#include "cli/tree.hpp"
#include "option_terms.hpp"
#include "pages.hpp"
#include "roff.hpp"

namespace proxip::man {
namespace {

std::vector<const CLI::App*> inner_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

void add_command(Page& page, const CLI::App& app) {
    page.term(bold(cli::full_name(app)) + synopsis_of(app), plain(app.get_description()) + ".");
    page.indented([&](Page& inner) { add_options(inner, app, false); });
}

void add_commands(Page& page, const CLI::App& root) {
    for (const auto* command : inner_of(root)) {
        if (inner_of(*command).empty()) {
            add_command(page, *command);
        }
    }
    for (const auto* noun : inner_of(root)) {
        const auto verbs = inner_of(*noun);
        if (!verbs.empty()) {
            page.subsection(plain(fmt::format("{}: {}", noun->get_name(), noun->get_description())));
        }
        for (const auto* verb : verbs) {
            add_command(page, *verb);
        }
    }
}

// "0 ok, 1 refused or failed, ...": what lbctl --help says of its exit codes.
void add_exit_codes(Page& page, std::string_view text) {
    while (!text.empty()) {
        const auto number = text.find_first_of("0123456789");
        if (number == std::string_view::npos) {
            return;
        }
        text.remove_prefix(number);
        const auto space = text.find(' ');
        const auto end = text.find_first_of(",.\n");
        page.term(bold(text.substr(0, space)), plain(text.substr(space + 1, end - space - 1)));
        text.remove_prefix(std::min(end, text.size()));
    }
}

constexpr std::string_view lbctl_about = "It asks over a Unix socket, which members of the group `proxip` may write "
                                         "to. What is printed on standard output is data; "
                                         "errors, warnings and notes go to standard error. `--output json` is exact "
                                         "and stable, for programs; an error is then one "
                                         "line of JSON on standard error.";

constexpr std::string_view lbagent_about =
    "It loads an XDP program, attaches it to the interfaces that the configuration names, and keeps it right: routes, "
    "neighbours, health checks. It stays in the foreground and logs to standard error. When it ends, however it ends, "
    "the data "
    "plane stays and keeps working; the next agent adopts it without the loss of a connection. `lbagent --detach` "
    "takes it down.";

constexpr std::string_view capabilities = "Root, or a user with CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_NET_RAW "
                                          "that owns the folder on the bpffs, the folder of "
                                          "the state and that of the socket.";

} // namespace

std::string lbctl_page(const Edition& edition) {
    const cli::Tree tree;
    const CLI::App& root = tree.root();
    const std::string footer = root.get_footer();
    const auto exits = footer.find("Exit:");
    Page page({"lbctl", "8", "command the proxip load balancer", edition.date, edition.version});
    page.section("SYNOPSIS").paragraph(bold("lbctl") + " [" + italic("GLOBAL") + "...] " + italic("COMMAND") + " ...");
    page.section("DESCRIPTION").paragraph(plain(root.get_description()) + ".").paragraph(inline_markdown(lbctl_about));
    page.paragraph(inline_markdown(footer.substr(0, exits)));
    page.section("GLOBAL OPTIONS").paragraph("They may stand before and after the command.");
    add_options(page, root, true);
    page.section("COMMANDS");
    add_commands(page, root);
    page.section("EXIT STATUS");
    add_exit_codes(page, std::string_view(footer).substr(exits));
    page.section("ENVIRONMENT")
        .term(bold("LBCTL_SOCKET"), "The agent's socket, where " + bold("--socket") + " is not given.");
    page.section("FILES").term(bold(cli::Globals{}.socket.string()), "The agent's socket.");
    page.section("SEE ALSO").paragraph(bold("lbagent") + "(8), " + bold("lb.toml") + "(5)");
    return page.text();
}

std::string lbagent_page(const Edition& edition) {
    app::Options options;
    CLI::App command;
    app::declare_options(command, options);
    Page page({"lbagent", "8", "the agent of the proxip load balancer", edition.date, edition.version});
    page.section("SYNOPSIS").paragraph(bold("lbagent") + synopsis_of(command));
    page.section("DESCRIPTION").paragraph(plain(command.get_description())).paragraph(inline_markdown(lbagent_about));
    page.section("OPTIONS");
    add_options(page, command, true);
    page.section("SIGNALS");
    page.term(bold("SIGHUP"), "Read the configuration file anew. A wrong one changes nothing: the log and " +
                                  bold("lbctl status") + " say what is wrong with it.");
    page.term(bold("SIGTERM") + ", " + bold("SIGINT"), "End. The data plane stays.");
    page.section("EXIT STATUS");
    page.term(bold("0"), "Ended as told.").term(bold("1"), "It could not start, or the file is wrong.");
    page.term(bold("2"), "The command line is wrong.");
    page.section("ENVIRONMENT");
    page.term(bold("NOTIFY_SOCKET"), "Where systemd hears of READY, RELOADING, STOPPING, STATUS and WATCHDOG.");
    page.term(bold("WATCHDOG_USEC") + ", " + bold("WATCHDOG_PID"), "How often systemd wants to hear of it.");
    page.section("CAPABILITIES").paragraph(inline_markdown(capabilities));
    page.section("FILES");
    page.term(bold(options.config.string()), "The configuration: " + bold("lb.toml") + "(5).");
    page.term(bold(options.socket.string()), "Where " + bold("lbctl") + "(8) asks; mode 0660.");
    page.term(bold(options.state.string()), "What runs, as it survives a restart and a reboot.");
    page.term(bold(options.bpffs.string()), "The data plane: programs, tables and where they are attached.");
    page.section("SEE ALSO").paragraph(bold("lbctl") + "(8), " + bold("lb.toml") + "(5), " + bold("systemctl") + "(1)");
    return page.text();
}

} // namespace proxip::man
