#include <array>
#include <memory>

#include <CLI/App.hpp>
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/convert/keepalived.hpp"
#include "cli/files.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace convert_command {
namespace {

struct Typed {
    std::string file;
    Texts proxy_ips, interfaces;
};

Result<Action> build_keepalived(const Typed& typed, const Inputs& inputs) {
    convert::Wishes wishes{.proxy_ips = {}, .interfaces = typed.interfaces};
    Reading reading;
    reading.each("--proxy-ip", typed.proxy_ips, wishes.proxy_ips);
    if (reading.error()) {
        return std::unexpected(*reading.error());
    }
    const auto text = load_text(inputs, typed.file);
    if (!text) {
        return std::unexpected(text.error());
    }
    auto converted = convert::convert_keepalived(*text, wishes);
    if (!converted) {
        auto& error = converted.error();
        error.path = error.path.empty() ? typed.file : typed.file + ":" + error.path;
        return std::unexpected(std::move(error));
    }
    const bool json = inputs.output == Output::json;
    const auto head = json ? std::string() : fmt::format("# from {} by lbctl convert keepalived\n", typed.file);
    return Print{head + write_config(converted->config, json ? Format::json : Format::toml),
                 converted->notes.text(typed.file)};
}

Build declare_keepalived(CLI::App& app) {
    const auto typed = std::make_shared<Typed>();
    app.add_option("file", typed->file, "keepalived.conf; - is standard input")->option_text("FILE")->required();
    app.add_option("--proxy-ip", typed->proxy_ips,
                   "an address, prefix or range to reach servers from; may be given more "
                   "than once")
        ->option_text("ADDRESS")
        ->allow_extra_args(false);
    app.add_option("--interface", typed->interfaces, "of clients or servers; may be given more than once")
        ->option_text("NAME")
        ->allow_extra_args(false);
    return [typed](const Inputs& inputs) { return build_keepalived(*typed, inputs); };
}

constexpr std::array commands{
    Command{"convert", "keepalived",
            "keepalived's virtual_servers as a configuration file; on stderr what has no "
            "counterpart",
            declare_keepalived},
};

} // namespace
} // namespace convert_command

std::span<const Command> convert_commands() {
    return convert_command::commands;
}

} // namespace proxip::cli
