#pragma once

// What several rounds gave: the median, the least and the most.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace proxip::bench {

struct Spread {
    double least = 0;
    double middle = 0;
    double most = 0;
};

[[nodiscard]] inline Spread spread(std::vector<double> values) { // one at least
    std::ranges::sort(values);
    const std::size_t half = values.size() / 2;
    const double middle = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
    return {.least = values.front(), .middle = middle, .most = values.back()};
}

[[nodiscard]] inline std::string text(const Spread& value) {
    return fmt::format("{:.2f} ({:.2f}-{:.2f})", value.middle, value.least, value.most);
}

} // namespace proxip::bench
