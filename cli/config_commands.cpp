#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/files.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace config {
namespace {

Result<api::ConfigText> load(const Inputs& inputs, const std::string& file) {
    auto text = load_text(inputs, file);
    return text ? Result<api::ConfigText>(api::ConfigText{std::move(*text), file})
                : std::unexpected(std::move(text.error()));
}

void declare_file(CLI::App& app, std::string& file) {
    app.add_option("-f,--file", file, "the configuration, TOML or JSON; - is standard input")
        ->option_text("FILE")
        ->required();
}

template <typename Request>
Build declare_reading(CLI::App& app) {
    const auto file = std::make_shared<std::string>();
    declare_file(app, *file);
    return [file](const Inputs& inputs) -> Result<Action> {
        auto text = load(inputs, *file);
        return text ? Result<Action>(Call{Request{std::move(*text)}, {}}) : std::unexpected(std::move(text.error()));
    };
}

struct ApplyTyped {
    std::string file;
    bool dry_run = false;
    Text if_generation, confirm;
};

Result<Action> build_apply(const ApplyTyped& typed, const Inputs& inputs) {
    api::ApplyRequest apply;
    Reading reading;
    reading.one("--if-generation", typed.if_generation, apply.if_generation)
        .one("--confirm", typed.confirm, apply.confirm);
    if (reading.error()) {
        return std::unexpected(*reading.error());
    }
    if (apply.confirm && (*apply.confirm <= Millis::zero() || *apply.confirm > limits::max_timeout)) {
        return usage(fmt::format("'{}': expected more than nothing and at most {}", *typed.confirm,
                                 duration_text(limits::max_timeout)),
                     "--confirm");
    }
    if (apply.confirm && typed.dry_run) {
        return usage("nothing is changed with --dry-run, so there is nothing to confirm", "--confirm");
    }
    auto text = load(inputs, typed.file);
    if (!text) {
        return std::unexpected(std::move(text.error()));
    }
    apply.config = std::move(*text);
    apply.dry_run = typed.dry_run;
    return Call{std::move(apply), {}};
}

Build declare_apply(CLI::App& app) {
    const auto typed = std::make_shared<ApplyTyped>();
    declare_file(app, typed->file);
    app.add_flag("--dry-run", typed->dry_run, "say what would change, and change nothing");
    app.add_option("--if-generation", typed->if_generation, "only when this generation runs (else exit 7)")
        ->option_text("N");
    app.add_option("--confirm", typed->confirm,
                   "back to what ran before, unless `lbctl confirm` comes within this time")
        ->option_text("DURATION");
    return [typed](const Inputs& inputs) { return build_apply(*typed, inputs); };
}

template <typename Request>
Build declare_plain(CLI::App& /*app*/) {
    return [](const Inputs&) -> Result<Action> { return Call{Request{}, {}}; };
}

Build declare_dump(CLI::App&) {
    return [](const Inputs& inputs) -> Result<Action> {
        return Call{api::DumpRequest{inputs.output == Output::json}, {}};
    };
}

constexpr std::array commands{
    Command{"", "validate", "Is a file right, and what does it need", declare_reading<api::ValidateRequest>},
    Command{"", "diff", "What an apply would change (exit 6 when anything)", declare_reading<api::DiffRequest>},
    Command{"", "apply", "Make a file the running configuration, all or nothing", declare_apply},
    Command{"", "confirm", "What `apply --confirm` is trying stays", declare_plain<api::ConfirmRequest>},
    Command{"", "rollback", "What `apply --confirm` is trying is taken back at once",
            declare_plain<api::RollbackRequest>},
    Command{"", "dump", "The running configuration as a file", declare_dump},
};

} // namespace
} // namespace config

std::span<const Command> config_commands() {
    return config::commands;
}

} // namespace proxip::cli
