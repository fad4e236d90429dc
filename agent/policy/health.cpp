#include "policy/health.hpp"

namespace proxip::policy {

std::uint32_t Hysteresis::needed(bool success) const {
    if (state_ == Health::unknown && (success || !serving_)) {
        return 1;
    }
    return success ? rise_ : fall_;
}

std::optional<Health> Hysteresis::observe(bool success) {
    const Health seen = success ? Health::up : Health::down;
    if (seen == state_) {
        run_ = 0;
        return std::nullopt;
    }
    ++run_;
    if (run_ < needed(success)) {
        return std::nullopt;
    }
    adopt(seen);
    return seen;
}

void Hysteresis::adopt(Health known) {
    state_ = known;
    run_ = 0;
    serving_ = false;
}

void Hysteresis::adopt_serving() {
    adopt(Health::unknown);
    serving_ = true;
}

void Hysteresis::retune(std::uint32_t rise, std::uint32_t fall) {
    rise_ = rise;
    fall_ = fall;
}

} // namespace proxip::policy
