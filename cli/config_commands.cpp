#include <algorithm>
#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/utf8.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace config {
namespace {

// The protocol is JSON, which carries no bytes that are not text: so these are refused here, with their place.
Result<void> check_text(const std::string& text, const std::string& source) {
    if (text.size() > limits::max_config_bytes) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} bytes: expected at most {}", text.size(), limits::max_config_bytes), source);
    }
    const auto good = utf8_prefix(text);
    if (good == text.size()) {
        return {};
    }
    const auto before = std::string_view{text}.substr(0, good);
    const auto line = 1 + std::ranges::count(before, '\n');
    const auto column = good - (before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1) + 1;
    return fail(
        ErrorCode::invalid,
        fmt::format("byte 0x{:02x} is not UTF-8: expected TOML or JSON text", static_cast<unsigned char>(text[good])),
        fmt::format("{}:{}:{}", source, line, column));
}

Result<api::ConfigText> load(const Inputs& inputs, const std::string& file) {
    auto text = inputs.read(file);
    if (!text) {
        return std::unexpected(std::move(text.error()));
    }
    if (auto checked = check_text(*text, file); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    return api::ConfigText{std::move(*text), file};
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
    Text if_generation;
};

Build declare_apply(CLI::App& app) {
    const auto typed = std::make_shared<ApplyTyped>();
    declare_file(app, typed->file);
    app.add_flag("--dry-run", typed->dry_run, "say what would change, and change nothing");
    app.add_option("--if-generation", typed->if_generation, "only when this generation runs (else exit 7)")
        ->option_text("N");
    return [typed](const Inputs& inputs) -> Result<Action> {
        api::ApplyRequest apply;
        Reading reading;
        reading.one("--if-generation", typed->if_generation, apply.if_generation);
        if (reading.error()) {
            return std::unexpected(*reading.error());
        }
        auto text = load(inputs, typed->file);
        if (!text) {
            return std::unexpected(std::move(text.error()));
        }
        apply.config = std::move(*text);
        apply.dry_run = typed->dry_run;
        return Call{std::move(apply), {}};
    };
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
    Command{"", "dump", "The running configuration as a file", declare_dump},
};

} // namespace
} // namespace config

std::span<const Command> config_commands() {
    return config::commands;
}

} // namespace proxip::cli
