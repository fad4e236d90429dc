#include "net/agenda.hpp"

#include <utility>

namespace proxip::net {

void Agenda::later(Clock::duration delay, Step step) {
    const auto added = steps_.emplace(Clock::now() + delay, std::move(step));
    if (added == steps_.begin()) {
        arm();
    }
}

void Agenda::clear() {
    steps_.clear();
    timer_.cancel();
}

void Agenda::arm() {
    timer_.expires_at(steps_.begin()->first);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
        if (!cancelled) {
            self->run_due();
        }
    });
}

void Agenda::run_due() {
    const auto now = Clock::now(); // what a step adds waits for its own turn of the loop
    while (!steps_.empty() && steps_.begin()->first <= now) {
        const Step step = std::move(steps_.extract(steps_.begin()).mapped());
        step();
    }
    if (!steps_.empty()) {
        arm();
    }
}

} // namespace proxip::net
