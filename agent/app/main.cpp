#include <cstdio>
#include <exception>
#include <span>

#include <fmt/format.h>

#include "app/agent.hpp"
#include "app/log.hpp"
#include "app/options.hpp"

namespace {

int run(std::span<const char* const> arguments) {
    using namespace proxip::app;
    const auto options = parse_options(arguments);
    if (!options) {
        fmt::print("{}", options.error().out);
        fmt::print(stderr, "{}", options.error().error);
        return options.error().code;
    }
    start_log(options->verbose);
    const auto done = options->check    ? check_config(*options)
                      : options->detach ? detach(*options)
                                        : run_agent(*options);
    if (!done) {
        fmt::print(stderr, "lbagent: {}\n", done.error().text());
        return 1;
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run({argv, static_cast<std::size_t>(argc)});
    } catch (const std::exception& error) { // the one place where exceptions of libraries end
        std::fprintf(stderr, "lbagent: %s\n", error.what());
        return 1;
    }
}
