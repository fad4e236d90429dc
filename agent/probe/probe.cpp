#include "probe/probe.hpp"

#include <utility>

#include "model/codec.hpp"
#include "probe/echo_probe.hpp"
#include "probe/stream_probe.hpp"
#include "probe/udp_probe.hpp"

namespace proxip::probe {

namespace asio = boost::asio;

std::shared_ptr<Probe> Probe::make(const asio::any_io_executor& executor, const Target& target,
                                   std::shared_ptr<Means> means) {
    switch (target.check.type) {
    case CheckType::http: return std::make_shared<HttpProbe>(executor, target);
    case CheckType::https: return std::make_shared<HttpsProbe>(executor, target, std::move(means));
    case CheckType::icmp: return std::make_shared<EchoProbe>(executor, target, std::move(means));
    case CheckType::udp: return std::make_shared<UdpProbe>(executor, target);
    case CheckType::none:
    case CheckType::tcp: break;
    }
    return std::make_shared<TcpProbe>(executor, target);
}

namespace {

constexpr std::chrono::milliseconds stall{100};

} // namespace

Probe::Probe(const asio::any_io_executor& executor, Target target) : target_(std::move(target)), deadline_(executor) {}

asio::awaitable<Outcome> Probe::ask() {
    started_ = Clock::now();
    arm();
    Outcome outcome = co_await attempt();
    running_ = false;
    deadline_.cancel();
    abandon();
    if (outcome.success || !outcome.made || !late_) {
        co_return outcome;
    }
    co_return stalled_ ? Outcome{.success = false, .detail = "not asked: the agent was busy", .made = false}
                       : timed_out();
}

void Probe::cancel() {
    deadline_.cancel();
    abandon();
}

void Probe::arm() {
    late_ = false;
    stalled_ = false;
    running_ = true;
    deadline_.expires_after(check().patience());
    deadline_.async_wait([self = shared_from_this(), round = ++round_](const boost::system::error_code& error) {
        // A wait that ran out just before it was cancelled still comes here without an error, perhaps in the next
        // round.
        if (!error && self->round_ == round && self->running_) {
            self->late_ = true;
            // Who was not looked at for so long may have answered in time.
            self->stalled_ = Clock::now() - self->deadline_.expiry() > stall;
            self->abandon();
        }
    });
}

Outcome Probe::timed_out() const {
    return {.success = false, .detail = "timed out after " + duration_text(check().patience())};
}

std::uint16_t Probe::port() const {
    return check().port.value_or(target().backend.port);
}

} // namespace proxip::probe
