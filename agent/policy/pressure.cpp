#include "policy/pressure.hpp"

#include <fmt/format.h>

namespace proxip::policy {

std::string Gauge::text() const {
    return fmt::format("{}: {} % full, {} of {}", name, percent(), used, capacity);
}

std::vector<Pressure::Crossing> Pressure::observe(const std::vector<Gauge>& gauges) {
    std::vector<Crossing> out;
    std::map<std::string, Gauge> high;
    for (const Gauge& gauge : gauges) {
        const bool was = high_.contains(gauge.name);
        const bool is = gauge.percent() >= (was ? low_percent : high_percent);
        if (is) {
            high.emplace(gauge.name, gauge);
        }
        if (is != was) {
            out.push_back({.gauge = gauge, .high = is});
        }
    }
    high_ = std::move(high);
    return out;
}

std::vector<Gauge> Pressure::high() const {
    std::vector<Gauge> out;
    out.reserve(high_.size());
    for (const auto& [name, gauge] : high_) {
        out.push_back(gauge);
    }
    return out;
}

} // namespace proxip::policy
