#include "policy/rotation.hpp"

#include <algorithm>
#include <utility>

namespace proxip::policy {

namespace {

// Weights are whole numbers: while one of a service is in its slow start, all its weights are given in tenths.
constexpr std::uint32_t whole = 10;

class Choice {
  public:
    Choice(const Service& service, std::span<const Standing> standings)
        : service_(service), standings_(standings), in_(standings.size()) {}

    Basis make() {
        const std::size_t primaries = take([&](std::size_t i) { return is_up(i) && !backup(i); });
        const std::size_t up = primaries > 0 ? primaries : take([&](std::size_t i) { return is_up(i); });
        if (up < service_.min_up && take([&](std::size_t i) { return is_up(i); }) < service_.min_up) {
            const std::size_t enabled = take([&](std::size_t i) { return is_enabled(i); });
            return enabled == 0 ? Basis::nobody : all_up() ? Basis::checks : Basis::distrusted;
        }
        if (up > 0) {
            return Basis::checks;
        }
        return service_.on_all_down == OnAllDown::keep_last && keep_last() > 0 ? Basis::kept_last : Basis::nobody;
    }
    [[nodiscard]] bool in(std::size_t i) const { return in_[i]; }

  private:
    template <typename Takes>
    std::size_t take(const Takes& takes) {
        for (std::size_t i = 0; i < in_.size(); ++i) {
            in_[i] = takes(i);
        }
        return static_cast<std::size_t>(std::ranges::count(in_, true));
    }

    [[nodiscard]] bool backup(std::size_t i) const { return service_.backends[i].backup; }
    [[nodiscard]] bool is_enabled(std::size_t i) const {
        return standings_[i].admin == Admin::enabled && service_.backends[i].weight > 0;
    }
    [[nodiscard]] bool is_up(std::size_t i) const { return is_enabled(i) && standings_[i].health != Health::down; }

    // Of those in.
    [[nodiscard]] bool all_up() const {
        for (std::size_t i = 0; i < in_.size(); ++i) {
            if (in_[i] && !is_up(i)) {
                return false;
            }
        }
        return true;
    }

    // What takes all of them down, a wrong check or a switch, does not do so at one instant: one after the other within
    // the time that a death takes to be noticed. One that died long before is not among them.
    std::size_t keep_last() {
        const Check& check = service_.check;
        const auto together = check.fall * check.interval + check.patience();
        std::optional<Instant> last;
        for (std::size_t i = 0; i < in_.size(); ++i) {
            last = is_enabled(i) ? std::max(last, standings_[i].went_down) : last;
        }
        return take([&](std::size_t i) {
            const auto& went_down = standings_[i].went_down;
            return is_enabled(i) && (!last || (went_down && *last - *went_down <= together));
        });
    }

    const Service& service_;
    std::span<const Standing> standings_;
    std::vector<bool> in_;
};

struct Step {
    std::uint32_t tenths = whole;
    std::optional<Instant> ends;
};

Step slow_start_step(const Standing& standing, Millis slow_start, Instant now) {
    if (!standing.joined || slow_start <= Millis{0} || now - *standing.joined >= slow_start) {
        return {};
    }
    const std::chrono::nanoseconds length = std::chrono::nanoseconds(slow_start) / (whole - 1);
    const auto since = std::max(now - *standing.joined, Instant::duration{0});
    // The last step ends with the whole time, which its rounded length may fall short of.
    const auto step = std::min<std::int64_t>(since / length, whole - 2);
    const auto ends = step == whole - 2 ? *standing.joined + slow_start : *standing.joined + length * (step + 1);
    return {.tenths = static_cast<std::uint32_t>(step + 1), .ends = ends};
}

} // namespace

Rotation rotation(const Service& service, std::span<const Standing> standings, Instant now) {
    Choice choice(service, standings);
    Rotation out;
    out.basis = choice.make();
    std::vector<Step> steps;
    for (std::size_t i = 0; i < standings.size(); ++i) {
        steps.push_back(choice.in(i) ? slow_start_step(standings[i], service.slow_start, now) : Step{});
        if (const auto ends = steps.back().ends) {
            out.next_step = std::min(out.next_step.value_or(*ends), *ends);
        }
    }
    for (std::size_t i = 0; i < standings.size(); ++i) {
        const std::uint32_t weight = service.backends[i].weight * (out.next_step ? steps[i].tenths : 1);
        out.shares.push_back(
            {.weight = choice.in(i) ? weight : 0, .dead = standings[i].health == Health::down && !choice.in(i)});
        out.weight += out.shares.back().weight;
    }
    return out;
}

std::string_view basis_text(Basis basis) {
    switch (basis) {
    case Basis::checks: return "the checks decide again who takes part";
    case Basis::distrusted:
        return "fewer than min_up are up: the checks are distrusted, all that are enabled take part";
    case Basis::kept_last: return "none is up: those that were up last go on (on_all_down = keep-last)";
    case Basis::nobody: break;
    }
    return "no backend is left: new connections are refused";
}

Rotations rotations_of(Available available, Down down) {
    return [available = std::move(available), down = std::move(down)](const Service& service) {
        std::vector<Standing> standings;
        standings.reserve(service.backends.size());
        for (const Backend& backend : service.backends) {
            standings.push_back({.admin = available(service, backend) ? Admin::enabled : Admin::drain,
                                 .health = down && down(service, backend) ? Health::down : Health::up});
        }
        return rotation(service, standings, {});
    };
}

} // namespace proxip::policy
