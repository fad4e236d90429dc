#include "cli/parse.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/tree.hpp"

namespace proxip::cli {
namespace {

Result<Output> parse_output(std::string_view text) {
    if (text == "table") {
        return Output::table;
    }
    if (text == "wide") {
        return Output::wide;
    }
    if (text == "json") {
        return Output::json;
    }
    return usage(fmt::format("'{}': expected table, wide or json", text), "--output");
}

// When the command line is wrong, CLI11 may not have come to -o; but a program that asked for JSON gets its error in
// JSON.
Output guess_output(const std::vector<std::string>& args) {
    Output output = Output::table;
    for (std::size_t i = 0; i < args.size(); ++i) {
        const std::string_view arg = args[i];
        std::string_view value;
        if ((arg == "-o" || arg == "--output") && i + 1 < args.size()) {
            value = args[i + 1];
        } else if (arg.starts_with("--output=")) {
            value = arg.substr(arg.find('=') + 1);
        } else if (arg.starts_with("-o")) {
            value = arg.substr(arg.starts_with("-o=") ? 3 : 2);
        }
        output = parse_output(value).value_or(output);
    }
    return output;
}

std::string with_hint(std::string_view message, const CLI::App& app) {
    return fmt::format("{}; see '{} --help'", message, full_name(app));
}

std::vector<std::string> names_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* inner : app.get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(inner->get_name());
    }
    return names;
}

Error usage_error(const Tree& tree, const CLI::ParseError& error) {
    const auto& app = tree.chosen();
    const auto names = names_of(app);
    const auto extras = tree.root().remaining(true);
    std::string message = error.what();
    if (!names.empty() && !extras.empty() && !extras.front().starts_with('-')) {
        message = fmt::format("'{}' is not a command of '{}': expected {}", extras.front(), full_name(app),
                              fmt::join(names, ", "));
    } else if (!names.empty() && error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
        message = fmt::format("expected a command: {}", fmt::join(names, ", "));
    }
    return Error{ErrorCode::usage, with_hint(message, app), ""};
}

Result<void> read_globals(const Tree::TypedGlobals& typed, const Environment& environment, Globals& globals) {
    if (environment.socket && !environment.socket->empty()) {
        globals.socket = *environment.socket;
    }
    Reading reading;
    reading.one("--timeout", typed.timeout, globals.timeout);
    if (reading.error()) {
        return std::unexpected(*reading.error());
    }
    if (globals.timeout <= Millis::zero()) {
        return usage("expected more than nothing", "--timeout");
    }
    if (typed.socket) {
        globals.socket = *typed.socket;
    }
    if (typed.output) {
        auto output = parse_output(*typed.output);
        if (!output) {
            return std::unexpected(std::move(output.error()));
        }
        globals.output = *output;
    }
    return {};
}

Result<Action> act(const Tree& tree, const Environment& environment, Globals& globals) {
    auto read = read_globals(tree.globals(), environment, globals);
    auto action =
        read ? tree.build(Inputs{environment.read, globals.output}) : std::unexpected(std::move(read.error()));
    if (!action && action.error().code == ErrorCode::usage) {
        action.error().message = with_hint(action.error().message, tree.chosen());
    }
    return action;
}

} // namespace

Parsed parse(const std::vector<std::string>& args, const Environment& environment) {
    const bool by_noun = !args.empty() && std::ranges::find(nouns(), args.front(), &Noun::name) != nouns().end();
    Tree tree(by_noun ? args.front() : std::string_view{});
    Parsed parsed{{}, Print{}};
    parsed.globals.output = guess_output(args);
    try {
        tree.parse(args);
        parsed.action = act(tree, environment, parsed.globals);
    } catch (const CLI::CallForHelp&) {
        parsed.action = Print{tree.root().help()};
    } catch (const CLI::CallForVersion&) {
        parsed.action = Print{"lbctl " + std::string{tree.root().version()} + "\n"};
    } catch (const CLI::ParseError& error) {
        parsed.action = std::unexpected(usage_error(tree, error));
    }
    return parsed;
}

} // namespace proxip::cli
