#pragma once

// What is filling up: said before it is full, and once. Pure.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace proxip::policy {

struct Gauge {
    std::string name; // "the connection table", "proxy ports of pool ... towards ..."
    std::uint64_t used = 0;
    std::uint64_t capacity = 0;

    [[nodiscard]] unsigned percent() const { return capacity == 0 ? 0 : static_cast<unsigned>(used * 100 / capacity); }
    [[nodiscard]] std::string text() const; // "the connection table is 83 % full: 16600 of 20000"
};

class Pressure {
  public:
    static constexpr unsigned high_percent = 80;
    static constexpr unsigned low_percent = 70; // so that one at the mark is not said again and again

    struct Crossing {
        Gauge gauge;
        bool high = false; // else it is low again
    };

    // All gauges there are; one that is gone is forgotten. What crossed a mark since the last look.
    [[nodiscard]] std::vector<Crossing> observe(const std::vector<Gauge>& gauges);
    // Those that are high now.
    [[nodiscard]] std::vector<Gauge> high() const;

  private:
    std::map<std::string, Gauge> high_;
};

} // namespace proxip::policy
