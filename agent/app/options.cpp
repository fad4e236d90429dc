#include "app/options.hpp"

#include <sstream>

#include <CLI/CLI.hpp>

#include "api/version.hpp"

namespace proxip::app {

void declare_options(CLI::App& app, Options& options) {
    app.name("lbagent");
    app.description("Layer-4 load balancer with a Proxy IP: programs the data plane and keeps it right.");
    app.set_version_flag("--version", std::string(api::version()));
    app.add_option("--config", options.config, "configuration file (TOML or JSON)")
        ->type_name("FILE")
        ->capture_default_str();
    app.add_option("--socket", options.socket, "control socket")->type_name("PATH")->capture_default_str();
    app.add_option("--state-dir", options.state, "folder of the durable state")
        ->type_name("DIR")
        ->capture_default_str();
    app.add_option("--bpffs", options.bpffs, "folder on a bpffs where the data plane is pinned")
        ->type_name("DIR")
        ->capture_default_str();
    auto* check = app.add_flag("--check", options.check, "check the configuration, say what it needs, and end");
    app.add_flag("--detach", options.detach, "take the data plane down and remove what is pinned, and end")
        ->excludes(check);
    app.add_flag("-v,--verbose", options.verbose, "log more");
}

std::expected<Options, Exit> parse_options(std::span<const char* const> arguments) {
    Options options;
    CLI::App app;
    declare_options(app, options);
    try {
        app.parse(static_cast<int>(arguments.size()), arguments.data());
    } catch (const CLI::ParseError& error) {
        std::ostringstream out;
        std::ostringstream err;
        const int code = app.exit(error, out, err);
        return std::unexpected(Exit{.code = code == 0 ? 0 : 2, .out = out.str(), .error = err.str()});
    }
    return options;
}

} // namespace proxip::app
