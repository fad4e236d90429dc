// Own cost per packet of what stands between two veth pairs, on one core (docs/performance.md).

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "bench/report.hpp"
#include "bench/scaling.hpp"
#include "bench/worker.hpp"

namespace {

using proxip::bench::Case;
using proxip::bench::catalogue;

struct Options {
    int cpu = static_cast<int>(std::thread::hardware_concurrency()) - 1;
    int rounds = 5;
    bool quick = false;
    std::uint32_t connections = UINT32_MAX;
    bool list = false;
    bool scaling = false;
    std::vector<std::string> only;
};

bool wanted(const Case& measured, const Options& options) {
    return options.only.empty() || std::ranges::find(options.only, measured.name) != options.only.end();
}

// Rounds are the outer loop: what changes slowly on this machine then meets every case alike.
proxip::bench::Rounds run(const Options& options) {
    auto plan = options.quick ? proxip::bench::quick_plan() : proxip::bench::full_plan();
    plan.most_connections = std::min(plan.most_connections, options.connections);
    const int rounds = options.quick ? 1 : options.rounds;
    proxip::bench::Rounds out;
    for (int round = 1; round <= rounds; ++round) {
        for (const Case& measured : catalogue()) {
            if (!wanted(measured, options)) {
                continue;
            }
            const auto sample = run_apart(measured, plan, options.cpu);
            out[measured.name].push_back(sample);
            std::cerr << fmt::format(
                "round {} of {}  {:12} {:7.1f} ns  calm {:7.1f}  alone {:6.1f} ns  lost {}  wrong {}  interrupted {}\n",
                round, rounds, measured.name, sample.own, sample.calm, sample.alone, sample.lost, sample.wrong,
                sample.interruptions);
        }
    }
    return out;
}

int list() {
    for (const Case& measured : catalogue()) {
        std::cout << fmt::format("{:12} {}\n", measured.name, measured.title);
    }
    return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char** argv) {
    constexpr int skipped = 77;
    Options options;
    CLI::App app("Own cost per packet of proxip, of a bare redirect and of nftables, on one core");
    app.add_option("case", options.only, "only these (--list); what a ratio needs must be among them");
    app.add_option("--rounds", options.rounds, "how often each case is measured")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--cpu", options.cpu, "the core that carries it all")->check(CLI::NonNegativeNumber);
    app.add_flag("--quick", options.quick, "a short run that tells only whether all packets arrive");
    app.add_option("--connections", options.connections, "no more than so many in any case")
        ->check(CLI::PositiveNumber);
    app.add_flag("--scaling", options.scaling, "packets a second by one core and by two, instead of the cases");
    app.add_flag("--list", options.list, "the cases");
    CLI11_PARSE(app, argc, argv);
    if (options.list) {
        return list();
    }
    if (::geteuid() != 0) {
        std::cerr << "skipped: needs root, for namespaces and BPF programs\n";
        return skipped;
    }
    try {
        if (options.scaling) {
            proxip::bench::report_scaling(std::cout, options.rounds);
            return EXIT_SUCCESS;
        }
        const auto rounds = run(options);
        report(std::cout, rounds, {.cpu = options.cpu, .timed = !options.quick});
        return all_arrived(rounds) ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
