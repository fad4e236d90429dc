#include "bench/scaling.hpp"

#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "bench/ends.hpp"
#include "bench/middle.hpp"
#include "bench/spread.hpp"
#include "bench/worker.hpp"

namespace proxip::bench {

namespace {

constexpr std::size_t lanes = 2;
constexpr std::uint32_t connections = 1'000;
constexpr std::uint32_t frames = 1'000'000;

using Rates = std::array<double, lanes>; // million packets a second

class Track {
  public:
    explicit Track(MiddleKind kind) {
        for (std::uint8_t n = 0; n < lanes; ++n) {
            stages_.push_back(build_stage(n));
            ends_.push_back(std::make_unique<Ends>(stages_[n], connections));
        }
        if (kind == MiddleKind::proxip) {
            middle_ = make_proxip(stages_, {.services = lanes, .lanes = lanes});
        }
        for (std::uint8_t n = 0; n < lanes; ++n) {
            prepare(n, kind);
        }
    }

    Rates alone() {
        Rates out{};
        for (std::size_t n = 0; n < lanes; ++n) {
            std::jthread([&, n] {
                stay_on(static_cast<int>(n));
                out.at(n) = rate(n);
            });
        }
        return out;
    }

    Rates together() {
        Rates out{};
        std::barrier begin(lanes);
        {
            std::vector<std::jthread> threads;
            for (std::size_t n = 0; n < lanes; ++n) {
                threads.emplace_back([&, n] {
                    stay_on(static_cast<int>(n));
                    begin.arrive_and_wait();
                    out.at(n) = rate(n);
                });
            }
        }
        return out;
    }

    [[nodiscard]] bool all_arrived() const {
        return std::ranges::all_of(ends_, [&](const auto& ends) {
            return ends->arrivals().expected == sent_.at(static_cast<std::size_t>(&ends - ends_.data())) &&
                   ends->arrivals().other == 0;
        });
    }

  private:
    void prepare(std::uint8_t n, MiddleKind kind) {
        Ends& ends = *ends_[n];
        const Stage& stage = stages_[n];
        if (kind == MiddleKind::redirect) {
            ends.attach_redirect(stage.front, stage.back);
        }
        const std::array<Address, 1> to = {vip(Family::v4, n)};
        Flows flows = flows_to(to, connections);
        shuffle(flows);
        ends.set_header(Family::v4, stage.front.mac, stage.client.mac);
        ends.set_flows(flows);
        ends.expect(kind == MiddleKind::redirect ? untranslated_to_vip() : translated());
        (void)ends.send(stage.client, connections);
        sent_.at(n) += connections;
    }

    double rate(std::size_t n) {
        constexpr double million = 1e6;
        const auto begin = std::chrono::steady_clock::now();
        (void)ends_[n]->send(stages_[n].client, frames);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        sent_.at(n) += frames;
        return frames / took.count() / million;
    }

    std::vector<Stage> stages_;
    std::vector<std::unique_ptr<Ends>> ends_;
    std::unique_ptr<Middle> middle_;
    std::array<std::uint64_t, lanes> sent_{};
};

void line(std::ostream& out, const char* title, MiddleKind kind, int rounds) {
    Track track(kind);
    std::vector<double> one;
    std::vector<double> two;
    std::vector<double> scaling;
    for (int round = 0; round < rounds; ++round) {
        const Rates alone = track.alone();
        const Rates together = track.together();
        one.push_back((alone[0] + alone[1]) / lanes);
        two.push_back(together[0] + together[1]);
        scaling.push_back(two.back() / one.back());
    }
    if (!track.all_arrived()) {
        throw std::runtime_error(std::string(title) + ": packets were lost");
    }
    out << fmt::format("| {} | {} | {} | {} |\n", title, text(spread(one)), text(spread(two)), text(spread(scaling)))
        << std::flush;
}

} // namespace

void report_scaling(std::ostream& out, int rounds) {
    out << "| 1,000 connections a core | one core, M packets/s | two cores | scaling |\n|---|---|---|---|\n"
        << std::flush;
    run_in_a_process([&] { line(out, "XDP redirect, no work", MiddleKind::redirect, rounds); });
    run_in_a_process([&] { line(out, "proxip", MiddleKind::proxip, rounds); });
}

} // namespace proxip::bench
