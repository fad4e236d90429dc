#include "bench/report.hpp"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <sys/utsname.h>

#include "bench/spread.hpp"

namespace proxip::bench {

namespace {

Spread of(const std::vector<Sample>& samples, double Sample::* what) {
    std::vector<double> values;
    std::ranges::transform(samples, std::back_inserter(values), [what](const Sample& sample) { return sample.*what; });
    return spread(std::move(values));
}

// Round by round: what disturbs one round disturbs both.
std::optional<Spread> ratio(const Rounds& rounds, std::string_view one_name, std::string_view other_name) {
    const auto one = rounds.find(one_name);
    const auto other = rounds.find(other_name);
    if (one == rounds.end() || other == rounds.end() || one_name == other_name) {
        return std::nullopt;
    }
    std::vector<double> values;
    for (std::size_t n = 0; n < std::min(one->second.size(), other->second.size()); ++n) {
        values.push_back(one->second[n].own / other->second[n].own);
    }
    return spread(std::move(values));
}

std::string text(const std::optional<Spread>& value) {
    return value ? text(*value) : "–";
}

std::string verdict(const Rounds& rounds, const Case& measured) {
    const auto reached = ratio(rounds, measured.name, measured.target.than);
    if (!reached) {
        return "–";
    }
    return fmt::format("{} ≤ {} × {}",
                       reached->middle <= measured.target.at_most ? "met:" : "**missed**:", measured.target.at_most,
                       measured.target.than);
}

template <typename T>
T sum(const std::vector<Sample>& samples, T Sample::* what) {
    return std::transform_reduce(samples.begin(), samples.end(), T{}, std::plus<>(),
                                 [what](const Sample& sample) { return sample.*what; });
}

std::string arrivals(const std::vector<Sample>& samples) {
    const auto lost = sum(samples, &Sample::lost);
    const auto wrong = sum(samples, &Sample::wrong);
    std::string out = lost == 0 ? "all" : fmt::format("{} of {} lost", lost, sum(samples, &Sample::sent));
    return wrong == 0 ? out : fmt::format("{}, {} wrong", out, wrong);
}

void line(std::ostream& out, const Rounds& rounds, const Case& measured, const std::vector<Sample>& samples,
          bool timed) {
    if (!timed) {
        out << fmt::format("| {} | {} |\n", measured.title, arrivals(samples));
        return;
    }
    const Spread cost = of(samples, &Sample::own);
    out << fmt::format(
        "| {} | {:.0f} ({:.0f}-{:.0f}) | {:.0f} | {} | {} | {} | {} |\n", measured.title, cost.middle, cost.least,
        cost.most, of(samples, &Sample::calm).least, text(ratio(rounds, measured.name, measured.floor)),
        text(ratio(rounds, measured.name, measured.nftables)), verdict(rounds, measured), arrivals(samples));
}

std::string load() {
    std::ifstream file("/proc/loadavg");
    std::string one_minute;
    file >> one_minute;
    return one_minute;
}

void circumstances_line(std::ostream& out, const Rounds& rounds, const Circumstances& circumstances) {
    std::vector<double> alone;
    std::uint32_t slices = 0;
    std::uint64_t interruptions = 0;
    double memory = 0;
    for (const auto& [name, samples] : rounds) {
        std::ranges::transform(samples, std::back_inserter(alone), &Sample::alone);
        slices += sum(samples, &Sample::slices);
        interruptions += sum(samples, &Sample::interruptions);
        memory = std::max(memory, samples.front().bytes_per_connection);
    }
    utsname kernel{};
    (void)::uname(&kernel);
    const Spread generator = spread(std::move(alone));
    out << fmt::format("\nLinux {}, CPU {}, load {} at the end; generator alone {:.0f} ({:.0f}-{:.0f}) ns a packet; {} "
                       "interruptions in {} slices.\n",
                       static_cast<const char*>(kernel.release), circumstances.cpu, load(), generator.middle,
                       generator.least, generator.most, interruptions, slices);
    if (memory > 0) {
        out << fmt::format("Kernel memory a connection, both halves and their counters: {:.0f} bytes (memlock of conn, "
                           "slot and free_slots, over max_connections).\n",
                           memory);
    }
}

} // namespace

void report(std::ostream& out, const Rounds& rounds, const Circumstances& circumstances) {
    if (circumstances.timed) {
        out << "| case | own ns a packet | calmest | x floor | x nftables | target | arrived |\n"
               "|---|---|---|---|---|---|---|\n";
    } else {
        out << "| case | arrived |\n|---|---|\n";
    }
    for (const Case& measured : catalogue()) {
        if (const auto samples = rounds.find(measured.name); samples != rounds.end()) {
            line(out, rounds, measured, samples->second, circumstances.timed);
        }
    }
    if (circumstances.timed) {
        circumstances_line(out, rounds, circumstances);
    }
}

bool all_arrived(const Rounds& rounds) {
    return std::ranges::all_of(rounds, [](const auto& entry) {
        return sum(entry.second, &Sample::lost) == 0 && sum(entry.second, &Sample::wrong) == 0;
    });
}

} // namespace proxip::bench
