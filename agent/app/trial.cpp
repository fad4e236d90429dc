#include "app/trial.hpp"

#include <algorithm>

namespace proxip::app {

namespace {

using Wall = std::chrono::system_clock;

} // namespace

Trial Trial::begun(Millis limit, store::Former former) {
    const auto deadline = std::chrono::time_point_cast<Millis>(Wall::now() + limit);
    return {{.deadline = deadline, .limit = limit, .former = std::move(former)}, Clock::now() + limit};
}

Trial Trial::resumed(store::Confirm saved) {
    const auto left = std::chrono::duration_cast<Millis>(saved.deadline - Wall::now());
    const auto sane = std::clamp(left, Millis::zero(), saved.limit);
    return {std::move(saved), Clock::now() + sane};
}

double Trial::seconds_left() const {
    return std::max(0.0, std::chrono::duration<double>(deadline_ - Clock::now()).count());
}

} // namespace proxip::app
