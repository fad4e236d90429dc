#pragma once

// The command line of lbagent.

#include <expected>
#include <filesystem>
#include <span>
#include <string>

namespace CLI {
class App;
}

namespace proxip::app {

struct Options {
    std::filesystem::path config = "/etc/proxip/lb.toml";
    std::filesystem::path socket = "/run/proxip/lbagent.sock";
    std::filesystem::path state = "/var/lib/proxip";
    std::filesystem::path bpffs = "/sys/fs/bpf/proxip"; // outlives the agent and its unit
    bool check = false;                                 // read the configuration, say what it needs, end
    bool detach = false;                                // take the data plane down, end
    bool verbose = false;
};

struct Exit { // the command line ends the program: help, version, or a mistake
    int code = 0;
    std::string out;
    std::string error;
};

// The one definition of the options: the command line and the manual page are made from it. `options` must outlive
// `app`.
void declare_options(CLI::App& app, Options& options);
[[nodiscard]] std::expected<Options, Exit> parse_options(std::span<const char* const> arguments);

} // namespace proxip::app
