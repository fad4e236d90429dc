// Frames by the million, sound and broken, through BPF_PROG_RUN; after each one everything that must be true of it is.
// A frame's randomness hangs on the seed and its number alone, and each scene begins with empty tables: to see one
// again, the frames of its scene are enough.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sched.h>

#include "fuzz/frames/generate.hpp"
#include "fuzz/frames/oracle.hpp"

namespace proxip::fuzz {

namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t frames_of_a_scene = 10'000; // the table holds 64 connections, and UDP does not give way

struct Run {
    std::uint64_t seed = 0;
    std::uint64_t number = 0; // of the frame
    std::uint64_t identities = 0;
    std::map<std::string, std::uint64_t> outcomes{};
};

// Counters and limits are per CPU; a batched look-up reads all CPUs, but only one of them changes.
void stay_on_one_cpu() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
    (void)sched_setaffinity(0, sizeof one, &one);
}

bool is_sound(const Run& run, const Lab& lab, const Sent& sent, const Shot& shot, const std::string& wrong) {
    if (wrong.empty()) {
        return true;
    }
    const std::uint64_t first = run.number - run.number % frames_of_a_scene;
    fmt::print("frame {} is not as it must be: {}\nscene: {}\nin by the {}:\n{}\nverdict {}:\n{}\n"
               "again: proxip_frame_fuzz --seed {} --first {} --frames {}\n",
               run.number, wrong, lab.scene().text(), sent.side == Side::front ? "front" : "back", describe(sent.frame),
               static_cast<std::uint32_t>(shot.verdict), describe(shot.frame), run.seed, first, run.number - first + 1);
    return false;
}

// What the backend would say to it comes out as what the client said, turned round.
bool comes_back(Run& run, Lab& lab, const Sent& request, const Shot& forwarded) {
    const auto& r = request.reading;
    const bool is_request = forwarded.leaves() && forwarded.connections == 1 && r.kind == Kind::flow &&
                            !r.first_piece && towards_backend(request, forwarded.frame);
    if (!is_request) {
        return true;
    }
    Frame answer = turned_round(forwarded.frame, r);
    const auto hops = request.frame.bytes[r.hops()];
    if (!r.v6) { // the sum follows
        const auto was = answer.bytes[r.hops()];
        const auto sum = get16(answer.bytes, r.ip + 10) + 0xffffU - (static_cast<unsigned>(hops - was) << 8);
        set16(answer.bytes, r.ip + 10, (sum & 0xffff) + (sum >> 16));
    }
    answer.bytes[r.hops()] = hops;
    const Sent sent(Side::back, std::move(answer));
    const Shot shot = lab.shoot(sent.side, sent.frame);
    std::string wrong = judge(lab.scene(), sent, shot);
    const std::size_t way_home = request.side == Side::front ? 0 : 1;
    if (wrong.empty() && shot.leaves() && shot.connections == 1) {
        wrong = judge_identity(request, shot.frame);
        ++run.identities;
    } else if (wrong.empty() && !shot.awaits_translation() && r.ip_bytes <= lab.scene().mtu[way_home]) {
        wrong = "an answer to what was forwarded does not come back";
    }
    return is_sound(run, lab, sent, shot, wrong);
}

bool one_frame(Run& run, Lab& lab) {
    Random random(run.seed, run.number);
    Arriving arriving = generate(lab, random);
    mutate(arriving, random);
    const Sent sent(arriving.side, std::move(arriving.frame));
    const Shot shot = lab.shoot(sent.side, sent.frame);
    if (!is_sound(run, lab, sent, shot, judge(lab.scene(), sent, shot))) {
        return false;
    }
    run.outcomes[fmt::format("{:<9} {}", name(sent.reading.kind), outcome(shot))]++;
    return comes_back(run, lab, sent, shot);
}

bool one_scene(Run& run, std::uint64_t end, steady_clock::time_point until) {
    Lab lab(Scene(Random(run.seed ^ 0x5ce4e, run.number / frames_of_a_scene)));
    const std::uint64_t last = std::min(end, (run.number / frames_of_a_scene + 1) * frames_of_a_scene);
    for (; run.number < last && steady_clock::now() < until; ++run.number) {
        if (!one_frame(run, lab)) {
            return false;
        }
    }
    if (const auto wrong = lab.audit(); !wrong.empty()) {
        fmt::print("after frame {}: {}\n", run.number, wrong);
        return false;
    }
    return true;
}

bool fuzz(std::uint64_t seed, std::uint64_t first, std::uint64_t frames, double seconds) {
    const auto begin = steady_clock::now();
    const auto until =
        frames != 0
            ? steady_clock::time_point::max()
            : begin + std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(seconds));
    const std::uint64_t end = frames != 0 ? first + frames : ~std::uint64_t{0};
    Run run{.seed = seed, .number = first};
    bool sound = true;
    fmt::print("seed {}\n", seed);
    while (sound && run.number < end && steady_clock::now() < until) {
        sound = one_scene(run, end, until);
    }
    const double took = std::chrono::duration<double>(steady_clock::now() - begin).count();
    for (const auto& [what, count] : run.outcomes) {
        fmt::print("  {:<45} {}\n", what, count);
    }
    const auto done = run.number - first;
    fmt::print("{} frames, {} of them there and back, {:.0f} a second: {}\n", done, run.identities,
               static_cast<double>(done) / took, sound ? "sound" : "NOT SOUND");
    return sound;
}

} // namespace

} // namespace proxip::fuzz

int main(int argc, char** argv) {
    constexpr int skipped = 77;
    (void)std::setvbuf(stdout, nullptr, _IOLBF, 0);
    double seconds = 30;
    std::uint64_t first = 0;
    std::uint64_t frames = 0;
    std::uint64_t seed = std::random_device{}();
    CLI::App options("Random frames through the data plane, each judged.");
    options.add_option("--seconds", seconds, "how long (default: 30)");
    options.add_option("--frames", frames, "or how many");
    options.add_option("--first", first, "number of the first, to see a failure again");
    options.add_option("--seed", seed);
    CLI11_PARSE(options, argc, argv);
    if (!proxip::packet::leave_the_host()) {
        std::cerr << "skipped: needs root, for namespaces and BPF programs\n";
        return skipped;
    }
    proxip::fuzz::stay_on_one_cpu();
    try {
        return proxip::fuzz::fuzz(seed, first, frames, seconds) ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
