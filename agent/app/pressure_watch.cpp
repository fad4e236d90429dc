#include "app/pressure_watch.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "app/names.hpp"
#include "policy/rings.hpp"

namespace proxip::app {

namespace {

constexpr std::size_t rings_per_tick = 4096; // about 2 ms

} // namespace

void PressureWatch::begin_round() {
    ports_.clear();
    next_proxies_.clear();
    rings_ = policy::current_rings(controller_.running(), controller_.identities());
}

void PressureWatch::count(const dataplane::RingUse& use) {
    ports_[use.endpoint].first += use.in_use;
    ports_[use.endpoint].second += use.capacity;
    ProxyUse& proxy = next_proxies_[use.proxy];
    proxy.in_use += use.in_use;
    if (proxy.endpoints++ == 0 || use.in_use > proxy.fullest_in_use) {
        proxy.fullest = use.endpoint;
        proxy.fullest_in_use = use.in_use;
        proxy.capacity = use.capacity;
    }
}

void PressureWatch::tick() {
    if (rings_.empty()) {
        begin_round();
    }
    const std::size_t some = std::min(rings_.size(), rings_per_tick);
    const std::vector<policy::Id> part(std::prev(rings_.end(), static_cast<std::ptrdiff_t>(some)), rings_.end());
    rings_.resize(rings_.size() - some);
    for (const dataplane::RingUse& use : dataplane_.ring_use(part)) {
        count(use);
    }
    if (rings_.empty()) {
        end_round();
    }
}

void PressureWatch::end_round() {
    proxies_ = std::exchange(next_proxies_, {});
    std::vector<policy::Gauge> gauges{{.name = "the connection table",
                                       .used = dataplane_.live_connections(),
                                       .capacity = dataplane_.max_connections()}};
    for (const auto& [key, id] : controller_.identities().endpoints.all()) {
        if (const auto ports = ports_.find(id); ports != ports_.end()) {
            gauges.push_back(
                {.name = fmt::format("proxy ports towards {}://{}", protocol_name(key.protocol), key.address.text()),
                 .used = ports->second.first,
                 .capacity = ports->second.second});
        }
    }
    for (const auto& crossing : pressure_.observe(gauges)) {
        events_.publish(crossing.high ? spdlog::level::warn : spdlog::level::info,
                        {.type = "pressure",
                         .state = crossing.high ? "high" : "low",
                         .message = crossing.gauge.text(),
                         .reason = crossing.gauge.name});
    }
}

std::vector<std::string> PressureWatch::warnings() const {
    std::vector<std::string> out;
    for (const policy::Gauge& gauge : pressure_.high()) {
        out.push_back(gauge.text());
    }
    return out;
}

} // namespace proxip::app
