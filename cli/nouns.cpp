#include <array>

#include "cli/command.hpp"

namespace proxip::cli {

std::span<const Noun> nouns() {
    static constexpr std::array all{
        Noun{"service", "Virtual IPs and what stands behind them"},
        Noun{"backend", "Servers of a service"},
        Noun{"server", "A server in every service that it serves"},
        Noun{"pool", "Proxy IPs and their use"},
        Noun{"conn", "Connections"},
        Noun{"convert", "Configurations of other load balancers"},
    };
    return all;
}

} // namespace proxip::cli
