#include <algorithm>
#include <array>

#include <CLI/App.hpp>

#include "cli/command.hpp"

namespace proxip::cli {

std::span<const Noun> nouns() {
    static constexpr std::array all{
        Noun{"service", "Virtual IPs and what stands behind them"},
        Noun{"backend", "Servers of a service"},
        Noun{"pool", "Proxy IPs and their use"},
        Noun{"conn", "Connections"},
    };
    return all;
}

bool any_option(const CLI::App& app) {
    return std::ranges::any_of(
        app.get_options(), [](const CLI::Option* option) { return !option->get_positional() && option->count() > 0; });
}

} // namespace proxip::cli
