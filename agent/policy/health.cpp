#include "policy/health.hpp"

namespace proxip::policy {

std::optional<Health> Hysteresis::observe(bool success) {
    const Health seen = success ? Health::up : Health::down;
    if (seen == state_) {
        run_ = 0;
        return std::nullopt;
    }
    ++run_;
    const std::uint32_t needed = state_ == Health::unknown ? 1 : success ? rise_ : fall_;
    if (run_ < needed) {
        return std::nullopt;
    }
    adopt(seen);
    return seen;
}

void Hysteresis::adopt(Health known) {
    state_ = known;
    run_ = 0;
}

void Hysteresis::retune(std::uint32_t rise, std::uint32_t fall) {
    rise_ = rise;
    fall_ = fall;
}

} // namespace proxip::policy
