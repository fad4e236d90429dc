#include "app/late_counts.hpp"

#include "dataplane/ethtool.hpp"

namespace proxip::app {

namespace {

constexpr std::chrono::seconds between_samples{10};
constexpr std::chrono::seconds window{60};

template <typename Key>
std::map<Key, std::uint64_t> grown(const std::map<Key, std::uint64_t>& before,
                                   const std::map<Key, std::uint64_t>& now) {
    std::map<Key, std::uint64_t> out;
    for (const auto& [key, count] : now) {
        const auto was = before.find(key);
        // An interface that is new, or was made again, begins at nothing.
        out[key] = was != before.end() && was->second <= count ? count - was->second : 0;
    }
    return out;
}

} // namespace

LateCounts::Sample LateCounts::sample() const {
    Sample out{.at = Clock::now(), .drops = dataplane_.drops(), .redirect_errors = {}};
    for (const std::uint32_t link : neighbourhood_.used_links()) {
        if (const auto errors = dataplane::redirect_errors_of(link)) {
            out.redirect_errors.emplace(link, *errors);
        }
    }
    return out;
}

void LateCounts::tick() {
    const auto now = Clock::now();
    if (!samples_.empty() && now - samples_.back().at < between_samples) {
        return;
    }
    samples_.push_back(sample());
    while (now - samples_.front().at > window) {
        samples_.pop_front();
    }
}

LateCounts::Growth LateCounts::growth() const {
    const Sample now = sample();
    const Sample& then = samples_.front();
    return {.seconds = std::chrono::duration<double>(now.at - then.at).count(),
            .drops = grown(then.drops, now.drops),
            .redirect_errors = grown(then.redirect_errors, now.redirect_errors)};
}

} // namespace proxip::app
