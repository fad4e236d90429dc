#include "bench/measure.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include "bench/ends.hpp"
#include "bench/middle.hpp"

namespace proxip::bench {

namespace {

struct Way { // what a slice of packets takes
    const Port* by;
    bench_expect at_the_end;
};

struct Slice {
    double ns = 0; // per packet
    std::uint64_t interruptions = 0;
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;
    std::uint64_t wrong = 0;
};

// How often something else wanted this CPU so much that it got it.
std::uint64_t interruptions() {
    rusage usage{};
    (void)::getrusage(RUSAGE_THREAD, &usage);
    return static_cast<std::uint64_t>(usage.ru_nivcsw);
}

// What a worker thread of the kernel still has in hand; nothing, as a rule, since softirqs run within send().
bench_arrivals settled(const Ends& ends, const bench_arrivals& before, std::uint32_t frames) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    bench_arrivals now = ends.arrivals();
    while (now.expected + now.other - before.expected - before.other < frames &&
           std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        now = ends.arrivals();
    }
    return now;
}

Slice send(Ends& ends, const Way& way, std::uint32_t frames) {
    ends.expect(way.at_the_end);
    const auto before = ends.arrivals();
    const std::uint64_t interrupted = interruptions();
    const std::uint32_t ns = ends.send(*way.by, frames);
    const auto after = settled(ends, before, frames);
    const std::uint64_t good = after.expected - before.expected;
    return {.ns = static_cast<double>(ns),
            .interruptions = interruptions() - interrupted,
            .sent = frames,
            .lost = frames - std::min<std::uint64_t>(frames, good),
            .wrong = after.other - before.other};
}

struct Pair { // neighbours in time; ns per packet
    double alone = 0;
    double pipe = 0;
};

std::vector<double> own(std::span<const Pair> pairs) {
    std::vector<double> out;
    std::ranges::transform(pairs, std::back_inserter(out), [](const Pair& pair) { return pair.pipe - pair.alone; });
    return out;
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values.at(values.size() / 2);
}

std::unique_ptr<Middle> make_middle(const Case& measured, const Stage& stage, Ends& ends) {
    if (measured.traffic == Traffic::strangers) {
        ends.attach_tc_sink(stage.front);
    }
    switch (measured.middle) {
    case MiddleKind::redirect: ends.attach_redirect(stage.front, stage.back); break;
    case MiddleKind::pass: ends.attach_pass(stage.front); break;
    case MiddleKind::nftables: return make_nftables(stage);
    case MiddleKind::proxip: return make_proxip(std::span(&stage, 1), measured.setup);
    }
    return std::make_unique<Middle>();
}

// A full walk of one case.
class Course {
  public:
    Course(const Case& measured, const Plan& plan)
        : case_(measured), plan_(plan), stage_(build_stage()), ends_(stage_, most_flows()),
          middle_(make_middle(measured, stage_, ends_)) {}

    Sample run() {
        prepare();
        (void)send(ends_, alone_, case_.packets); // caches and page pools are warm after it
        note(send(ends_, pipe_, case_.packets));
        for (std::uint32_t n = 0; n < plan_.slices; ++n) {
            const Slice alone = send(ends_, alone_, case_.packets);
            const Slice pipe = send(ends_, pipe_, case_.packets);
            middle_->between_slices();
            note(alone);
            note(pipe);
            pairs_.push_back({.alone = alone.ns, .pipe = pipe.ns});
        }
        return result();
    }

  private:
    [[nodiscard]] std::uint32_t most_flows() const {
        return case_.connections + (case_.traffic == Traffic::fresh ? 2 * (plan_.slices + 1) * case_.packets : 0);
    }

    void prepare() {
        const bool to_us = case_.traffic != Traffic::strangers;
        const bool translates = case_.middle != MiddleKind::redirect && to_us;
        const bench_expect untranslated = to_us ? untranslated_to_vip() : untranslated_to_stranger();
        Flows flows = flows_to(destinations(), most_flows());
        ends_.set_header(case_.setup.family, stage_.front.mac, stage_.client.mac);
        ends_.set_flows(flows);
        alone_ = {.by = &stage_.alone, .at_the_end = untranslated};
        pipe_ = {.by = &stage_.client, .at_the_end = translates ? translated() : untranslated};
        if (case_.connections != 0) {
            note(send(ends_, pipe_, case_.connections));
        }
        if (case_.traffic == Traffic::fresh) {
            return;
        }
        if (case_.traffic == Traffic::replies) {
            flows = turn_round();
        }
        if (case_.traffic != Traffic::in_turn) {
            shuffle(flows);
        }
        ends_.set_flows(flows);
    }

    [[nodiscard]] std::vector<Address> destinations() const {
        std::vector<Address> out;
        for (std::uint32_t number = 0; number < case_.setup.services; ++number) {
            out.push_back(vip(case_.setup.family, number));
        }
        return case_.traffic == Traffic::strangers ? std::vector{stranger()} : out;
    }

    Flows turn_round() {
        Flows flows = replies_of(*middle_->plane());
        if (flows.size() != case_.connections) {
            throw std::runtime_error("not every connection was opened");
        }
        ends_.set_header(case_.setup.family, stage_.back.mac, stage_.server.mac);
        alone_.at_the_end = reply();
        pipe_ = {.by = &stage_.server, .at_the_end = reply_translated()};
        return flows;
    }

    void note(const Slice& slice) {
        sample_.sent += slice.sent;
        sample_.lost += slice.lost;
        sample_.wrong += slice.wrong;
        sample_.interruptions += slice.interruptions;
    }

    Sample result() {
        std::ranges::sort(pairs_, {}, [](const Pair& pair) { return pair.alone + pair.pipe; });
        sample_.own = median(own(pairs_));
        sample_.calm = median(own(std::span(pairs_).first((pairs_.size() + 3) / 4)));
        sample_.alone = pairs_.at(pairs_.size() / 2).alone;
        sample_.slices = plan_.slices;
        sample_.bytes_per_connection = middle_->bytes_per_connection();
        return sample_;
    }

    Case case_;
    Plan plan_;
    Stage stage_;
    Ends ends_;
    std::unique_ptr<Middle> middle_;
    Way alone_{};
    Way pipe_{};
    Sample sample_;
    std::vector<Pair> pairs_;
};

} // namespace

Sample measure(const Case& measured, const Plan& plan) {
    return Course(within(measured, plan), plan).run();
}

} // namespace proxip::bench
