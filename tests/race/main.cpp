// Two CPUs, few ports, a small table, and the kernel's own timer: then an audit. Millions of random packets of
// connections that open, close, are reset, come back to life, run out of ports and of slots, and expire, at once.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <thread>

#include <CLI/CLI.hpp>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sched.h>

#include "bpf/abi/reasons.h"
#include "packet/entries.hpp"
#include "packet/packet.hpp"
#include "race/audit.hpp"
#include "race/listener.hpp"
#include "race/sabotage.hpp"
#include "race/traffic.hpp"

namespace {

using proxip::race::audit;
using proxip::race::Course;
using proxip::race::Findings;
using proxip::race::Frames;
using proxip::race::Shooter;
using proxip::race::Size;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds no_idle{0}; // what says nothing for a tick (0.134 s) is due
constexpr milliseconds long_idle{3'600'000};

std::vector<int> cpus() {
    cpu_set_t allowed;
    std::vector<int> out;
    CPU_ZERO(&allowed);
    (void)sched_getaffinity(0, sizeof allowed, &allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(static_cast<unsigned>(cpu), &allowed)) {
            out.push_back(cpu);
        }
    }
    return out;
}

void pin_to(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(cpu), &one);
    (void)sched_setaffinity(0, sizeof one, &one);
}

// Returns the number of packets.
std::uint64_t race(const Course& course, Frames frames, double seconds, std::uint32_t seed) {
    constexpr std::uint32_t batch = 100;
    const auto end = steady_clock::now() + std::chrono::duration<double>(seconds);
    std::atomic<std::uint64_t> steps = 0;
    std::atomic<bool> failed = false;
    const auto drive = [&](int cpu, std::uint32_t number) {
        try {
            pin_to(cpu);
            Shooter shooter(course, frames);
            std::mt19937 random(seed * 2 + number);
            while (steady_clock::now() < end && !failed) {
                proxip::race::run_at_random(shooter, course, random, batch);
                steps += batch;
            }
        } catch (const std::exception& error) {
            std::cerr << error.what() << '\n';
            failed = true;
        }
    };
    {
        const auto allowed = cpus();
        const std::jthread first(drive, allowed.front(), 0);
        const std::jthread second(drive, allowed.back(), 1);
    }
    if (failed) {
        throw std::runtime_error("the race could not be run");
    }
    return steps;
}

bool is_sound(const char* when, const Findings& findings) {
    fmt::print("  {}: {} live, {} closed, {} ports free again: {}\n", when, findings.live, findings.closed,
               findings.in_rings, findings.faults.empty() ? "sound" : fmt::format("{} FAULTS", findings.faults.size()));
    for (std::size_t i = 0; i < findings.faults.size() && i < 20; ++i) {
        fmt::print("    {}\n", findings.faults[i]);
    }
    return findings.faults.empty();
}

// The timer sees the change with its next slice; what it was doing before is over when it has run twice more.
void hold_still(Course& course) {
    course.idle_timeouts(long_idle);
    std::this_thread::sleep_for(milliseconds(300));
}

bool drain(Course& course) {
    const auto end = steady_clock::now() + std::chrono::seconds(60);
    course.idle_timeouts(no_idle);
    while (steady_clock::now() < end) {
        if (proxip::packet::read_entries(course.map("conn"), course.size().connections).empty()) {
            hold_still(course);
            return true;
        }
        std::this_thread::sleep_for(milliseconds(50));
    }
    fmt::print("  connections are left over that do not expire\n");
    return false;
}

// With N ports, or room for N connections, exactly N can be opened.
bool opens_exactly_as_many(const Course& course) {
    constexpr std::uint32_t redirected = 4; // XDP_REDIRECT
    const std::uint32_t expected = std::min(course.size().ports, course.size().connections);
    Shooter shooter(course, Frames::tested);
    std::uint32_t opened = 0;
    const auto live = [&] { return course.plane().live_connections(); };
    for (std::uint32_t number = 0; number < expected + 20; ++number) {
        const auto before = live();
        const auto verdict = shooter.client(100'000 + number, proxip::race::web_port, proxip::packet::Syn);
        opened += live() == before + 1 && (verdict == redirected || verdict == 0) ? 1 : 0;
    }
    fmt::print("  {} of {} could be opened afterwards\n", opened, expected);
    return opened == expected;
}

#define PROXIP_NAMED(id, symbol, name, help) {abi::ABI_##symbol, name},
void print_events(const Course& course) {
    namespace abi = proxip::abi;
    const std::vector<std::pair<std::uint32_t, const char*>> events = {ABI_REASONS(PROXIP_NAMED, PROXIP_NAMED)};
    for (const auto& [reason, name] : events) {
        std::vector<std::uint64_t> counts(static_cast<std::size_t>(libbpf_num_possible_cpus()));
        (void)bpf_map_lookup_elem(course.map("counters"), &reason, counts.data());
        if (const auto count = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}); count > 0) {
            fmt::print("  {:<26} {}\n", name, count);
        }
    }
}
#undef PROXIP_NAMED

// Where a plain test run could be interrupted by the timer, nothing expires in it; what expires races live frames.
std::uint64_t race_and_expire(Course& course, double seconds, std::uint32_t seed) {
    if (!proxip::race::test_runs_admit_softirqs()) {
        course.idle_timeouts(no_idle);
        return race(course, Frames::tested, seconds, seed);
    }
    hold_still(course);
    const auto steps = race(course, Frames::tested, seconds / 2, seed);
    course.idle_timeouts(no_idle);
    return steps + race(course, Frames::live, seconds / 2, seed + 1);
}

bool run(Size size, double seconds, std::uint32_t seed) {
    fmt::print("{} ports, {} connections, {} s, seed {}\n", size.ports, size.connections, seconds, seed);
    Course course(size);
    proxip::race::Listener listener(course);
    const auto steps = race_and_expire(course, seconds, seed);
    hold_still(course);
    fmt::print("  {} packets\n", steps);
    print_events(course);
    Findings after = audit(course);
    if (auto fault = listener.fault(); !fault.empty()) {
        after.fault(std::move(fault));
    }
    bool sound = is_sound("after the race", after);
    sound = drain(course) && sound;
    if (const auto fault = listener.fault(); !fault.empty()) {
        fmt::print("  when all have expired: {}\n", fault);
        sound = false;
    }
    sound = is_sound("when all have expired", audit(course)) && sound;
    sound = opens_exactly_as_many(course) && sound;
    sound = is_sound("when they are open", audit(course)) && sound;
    return sound && (size.ports >= size.connections || proxip::race::audit_finds_sabotage(course));
}

} // namespace

int main(int argc, char** argv) {
    constexpr int skipped = 77;
    (void)std::setvbuf(stdout, nullptr, _IOLBF,
                       0); // what is said is in the log, even if the test is ended from outside
    double seconds = 18;
    Size size{.ports = 0, .connections = 0};
    std::uint32_t seed = std::random_device{}();
    CLI::App options("Races packets on two CPUs and audits the tables.");
    options.add_option("--seconds", seconds, "of racing, in all");
    options.add_option("--ports", size.ports, "proxy ports to each endpoint (default: 10, 100 and 1000 in turn)");
    options.add_option("--connections", size.connections, "that the table holds (default: 3 x ports)");
    options.add_option("--seed", seed);
    CLI11_PARSE(options, argc, argv);
    if (!proxip::packet::leave_the_host()) {
        std::cerr << "skipped: needs root, for namespaces and BPF programs\n";
        return skipped;
    }
    try {
        // With twice the ports closed connections and slots both give way; with a third of them the table is what is
        // short.
        std::vector<Size> sizes = {
            {.ports = 10, .connections = 60}, {.ports = 100, .connections = 70}, {.ports = 1000, .connections = 2500}};
        if (size.ports != 0 || size.connections != 0) {
            size.ports = size.ports != 0 ? size.ports : 100;
            size.connections = size.connections != 0 ? size.connections : 3 * size.ports;
            sizes = {size};
        }
        bool sound = true;
        for (const Size each : sizes) {
            sound = run(each, seconds / static_cast<double>(sizes.size()), seed) && sound;
        }
        fmt::print("{}\n", sound ? "sound" : "NOT SOUND");
        return sound ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
