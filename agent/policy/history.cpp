#include "policy/history.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace proxip::policy {

namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

// A second; none: begun anew, or the first look.
std::optional<double> rate(std::uint64_t before, std::uint64_t now, std::optional<double> seconds) {
    if (!seconds || now < before) {
        return std::nullopt;
    }
    return static_cast<double>(now - before) / *seconds;
}

std::optional<TrafficRates> rates_of(const TrafficCounters& before, const TrafficCounters& now,
                                     std::optional<double> seconds) {
    const auto opened = rate(before.opened, now.opened, seconds);
    const auto packets_in = rate(before.packets_in, now.packets_in, seconds);
    const auto packets_out = rate(before.packets_out, now.packets_out, seconds);
    const auto bytes_in = rate(before.bytes_in, now.bytes_in, seconds);
    const auto bytes_out = rate(before.bytes_out, now.bytes_out, seconds);
    if (!opened || !packets_in || !packets_out || !bytes_in || !bytes_out) {
        return std::nullopt;
    }
    return TrafficRates{.opened = *opened,
                        .packets_in = *packets_in,
                        .packets_out = *packets_out,
                        .bits_in = 8 * *bytes_in,
                        .bits_out = 8 * *bytes_out};
}

} // namespace

void Series::push(double value) {
    values_.at(next_) = static_cast<float>(value);
    next_ = static_cast<std::uint32_t>((next_ + 1) % room);
    count_ = std::min<std::uint32_t>(count_ + 1, room);
}

std::vector<float> Series::values() const {
    std::vector<float> out;
    out.reserve(count_);
    for (std::size_t i = 0; i < count_; ++i) {
        out.push_back(values_.at((next_ + room - count_ + i) % room));
    }
    return out;
}

std::optional<double> Series::last() const {
    if (count_ == 0) {
        return std::nullopt;
    }
    const double value = values_.at((next_ + room - 1) % room);
    return std::isnan(value) ? std::nullopt : std::optional(value);
}

TrafficRates& TrafficRates::operator+=(const TrafficRates& other) {
    opened += other.opened;
    packets_in += other.packets_in;
    packets_out += other.packets_out;
    bits_in += other.bits_in;
    bits_out += other.bits_out;
    return *this;
}

// Samples that could not be taken, so that the axis stays one of time.
void History::skip(std::size_t samples) {
    std::vector<Series*> all{&totals_.connections, &totals_.opened, &totals_.bits_in, &totals_.bits_out,
                             &totals_.drops};
    for (auto& [name, service] : services_) {
        all.push_back(&service.opened);
        all.push_back(&service.bits);
    }
    for (auto& [reason, drop] : drops_) {
        all.push_back(&drop.rate);
    }
    for (Series* series : all) {
        for (std::size_t i = 0; i < std::min(samples, Series::room); ++i) {
            series->push(unknown);
        }
    }
}

std::optional<TrafficRates> History::add_service(const Service& service, std::optional<double> seconds,
                                                 std::map<Key, Known>& backends) {
    std::optional<TrafficRates> sum;
    for (const Backend& backend : service.backends) {
        const Key key(service.name, backend.address);
        Known known{.counters = backend.counters, .rates = {}};
        if (const auto before = backends_.find(key); before != backends_.end()) {
            known.rates = rates_of(before->second.counters, backend.counters, seconds);
        }
        if (known.rates) {
            sum = sum.value_or(TrafficRates{});
            *sum += *known.rates;
        }
        backends.emplace(key, known);
    }
    return sum;
}

void History::add_drops(const std::map<std::string, std::uint64_t>& counts, std::optional<double> seconds) {
    double sum = 0;
    for (const auto& [reason, count] : counts) {
        const auto found = drops_.find(reason);
        const auto grown = found == drops_.end() ? std::nullopt : rate(found->second.count, count, seconds);
        Drop& drop = drops_[reason];
        drop.count = count;
        drop.rate.push(grown.value_or(unknown));
        sum += grown.value_or(0);
    }
    totals_.drops.push(seconds ? sum : unknown);
}

void History::add(const Sample& sample, Instant now) {
    std::optional<double> seconds;
    if (last_) {
        seconds = std::chrono::duration<double>(now - *last_).count();
        const double missed = std::round(*seconds / static_cast<double>(interval.count())) - 1;
        skip(missed > 0 ? static_cast<std::size_t>(std::min<double>(missed, Series::room)) : 0);
    }
    if (seconds && *seconds <= 0) {
        return;
    }
    last_ = now;
    std::map<Key, Known> backends;
    std::map<std::string, ServiceSeries> services;
    std::optional<TrafficRates> sum;
    for (const Service& service : sample.services) {
        const auto rates = add_service(service, seconds, backends);
        const auto found = services_.find(service.name);
        ServiceSeries series = found == services_.end() ? ServiceSeries{} : std::move(found->second);
        series.rates = rates;
        series.opened.push(rates ? rates->opened : unknown);
        series.bits.push(rates ? rates->bits_in + rates->bits_out : unknown);
        services.emplace(service.name, std::move(series));
        if (rates) {
            sum = sum.value_or(TrafficRates{});
            *sum += *rates;
        }
    }
    services_ = std::move(services);
    backends_ = std::move(backends);
    totals_.rates = sum;
    totals_.connections.push(static_cast<double>(sample.connections));
    totals_.opened.push(sum ? sum->opened : unknown);
    totals_.bits_in.push(sum ? sum->bits_in : unknown);
    totals_.bits_out.push(sum ? sum->bits_out : unknown);
    add_drops(sample.drops, seconds);
}

const History::ServiceSeries* History::service(const std::string& name) const {
    const auto found = services_.find(name);
    return found == services_.end() ? nullptr : &found->second;
}

std::optional<TrafficRates> History::backend(const std::string& service, const SocketAddress& address) const {
    const auto found = backends_.find({service, address});
    return found == backends_.end() ? std::nullopt : found->second.rates;
}

std::optional<std::chrono::seconds> History::growing(const std::string& reason) const {
    constexpr std::size_t pause = 3; // samples without one, after which it does not grow any more
    const auto found = drops_.find(reason);
    if (found == drops_.end()) {
        return std::nullopt;
    }
    const auto values = found->second.rate.values();
    std::size_t quiet = 0;
    std::size_t length = 0;
    for (std::size_t i = 0; i < values.size() && quiet < pause; ++i) {
        const bool grew = values[values.size() - 1 - i] > 0; // NaN: no
        quiet = grew ? 0 : quiet + 1;
        length = grew ? i + 1 : length;
    }
    return length == 0 ? std::nullopt : std::optional(interval * static_cast<int>(length));
}

} // namespace proxip::policy
