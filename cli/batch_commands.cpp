#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "cli/batch.hpp"
#include "cli/command.hpp"
#include "cli/files.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace batch {
namespace {

struct Typed {
    std::string file;
    bool dry_run = false;
    Text if_generation;
};

Result<Action> build(const Typed& typed, const Inputs& inputs) {
    std::optional<std::uint64_t> generation;
    Reading reading;
    reading.one("--if-generation", typed.if_generation, generation);
    if (reading.error()) {
        return std::unexpected(*reading.error());
    }
    const auto text = load_text(inputs, typed.file);
    if (!text) {
        return std::unexpected(text.error());
    }
    auto batch = parse_batch(*text, typed.file);
    if (!batch) {
        return std::unexpected(std::move(batch.error()));
    }
    batch->dry_run = typed.dry_run;
    batch->if_generation = generation;
    return Call{std::move(*batch), {}};
}

Build declare(CLI::App& app) {
    const auto typed = std::make_shared<Typed>();
    app.add_option("-f,--file", typed->file,
                   "one change a line, as on the command line; # comments; - is standard input")
        ->option_text("FILE")
        ->required();
    app.add_flag("--dry-run", typed->dry_run, "say what would change, and change nothing");
    app.add_option("--if-generation", typed->if_generation, "only when this generation runs (else exit 7)")
        ->option_text("N");
    return [typed](const Inputs& inputs) { return build(*typed, inputs); };
}

constexpr std::array commands{
    Command{"", "batch", "Many changes as one: all or nothing, one generation", declare},
};

} // namespace
} // namespace batch

std::span<const Command> batch_commands() {
    return batch::commands;
}

} // namespace proxip::cli
