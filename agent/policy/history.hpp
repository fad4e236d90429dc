#pragma once

// Five minutes of what is counted, as rates, in rings of a fixed size. Pure: the counters are given, time is an
// argument.
//
// Memory: a series is 248 bytes. Two of them a service (at most 512), one a drop reason, and what was last counted of
// each backend (at most 2,048): below 1 MiB, however many services there are. What is above these limits has no
// history.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/address.hpp"
#include "policy/rotation.hpp"

namespace proxip::policy {

// The last 60 values, oldest first; NaN where nothing is known.
class Series {
  public:
    static constexpr std::size_t room = 60;

    void push(double value);
    [[nodiscard]] std::vector<float> values() const;
    [[nodiscard]] std::optional<double> last() const; // none: not known

  private:
    std::array<float, room> values_{};
    std::uint32_t next_ = 0;
    std::uint32_t count_ = 0;
};

struct TrafficCounters {
    std::uint64_t opened = 0; // connections
    std::uint64_t packets_in = 0;
    std::uint64_t packets_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
};

struct TrafficRates { // a second
    double opened = 0;
    double packets_in = 0;
    double packets_out = 0;
    double bits_in = 0;
    double bits_out = 0;

    TrafficRates& operator+=(const TrafficRates& other);
};

class History {
  public:
    static constexpr std::chrono::seconds interval{5};
    static constexpr std::size_t most_services = 512;
    static constexpr std::size_t most_backends = 2048;

    struct Backend {
        SocketAddress address;
        TrafficCounters counters;
    };
    struct Service {
        std::string name;
        std::vector<Backend> backends;
    };
    struct Sample {
        std::uint64_t connections = 0; // live
        std::map<std::string, std::uint64_t> drops;
        std::vector<Service> services; // within the limits
    };
    // Forgets what the sample does not hold. Counters that went back were begun anew: no rate.
    void add(const Sample& sample, Instant now);

    struct ServiceSeries {
        Series opened;
        Series bits; // both ways
        std::optional<TrafficRates> rates;
    };
    struct Drop {
        std::uint64_t count = 0;
        Series rate;
    };
    struct Totals {
        Series connections;
        Series opened;
        Series bits_in;
        Series bits_out;
        Series drops;
        std::optional<TrafficRates> rates; // of all services that are sampled
    };
    [[nodiscard]] const Totals& totals() const { return totals_; }
    [[nodiscard]] const std::map<std::string, Drop>& drops() const { return drops_; }
    [[nodiscard]] const ServiceSeries* service(const std::string& name) const;
    [[nodiscard]] std::optional<TrafficRates> backend(const std::string& service, const SocketAddress& address) const;
    [[nodiscard]] std::size_t backends() const { return backends_.size(); }
    // For how long this reason was counted without a pause, up to now; none: not in the last 15 seconds. At most five
    // minutes.
    [[nodiscard]] std::optional<std::chrono::seconds> growing(const std::string& reason) const;

  private:
    struct Known {
        TrafficCounters counters;
        std::optional<TrafficRates> rates;
    };
    using Key = std::pair<std::string, SocketAddress>;

    void skip(std::size_t samples);
    [[nodiscard]] std::optional<TrafficRates> add_service(const Service& service, std::optional<double> seconds,
                                                          std::map<Key, Known>& backends);
    void add_drops(const std::map<std::string, std::uint64_t>& counts, std::optional<double> seconds);

    std::optional<Instant> last_;
    Totals totals_;
    std::map<std::string, ServiceSeries> services_;
    std::map<Key, Known> backends_;
    std::map<std::string, Drop> drops_;
};

} // namespace proxip::policy
