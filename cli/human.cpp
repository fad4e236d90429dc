#include "cli/human.hpp"

#include <cmath>
#include <span>
#include <string_view>

#include <fmt/format.h>

namespace proxip::cli {
namespace {

// `value` in the largest unit that leaves at least one: "1.5 KiB", "256 MiB".
std::string scaled(double value, double step, std::span<const std::string_view> units) {
    std::size_t unit = 0;
    while (value >= step && unit + 1 < units.size()) {
        value /= step;
        ++unit;
    }
    const bool whole = value >= 100 || value == std::floor(value);
    return whole ? fmt::format("{:.0f}{}", value, units[unit]) : fmt::format("{:.1f}{}", value, units[unit]);
}

} // namespace

std::string human_count(std::uint64_t value) {
    constexpr std::uint64_t exact = 10'000;
    static constexpr std::string_view units[] = {"", "k", "M", "G", "T", "P"};
    return value < exact ? fmt::format("{}", value) : scaled(static_cast<double>(value), 1000, units);
}

std::string human_rate(double value) {
    constexpr double exact = 10;
    static constexpr std::string_view units[] = {"", "k", "M", "G", "T", "P"};
    if (value < exact) {
        const double tenths = std::round(value * 10) / 10;
        return tenths == std::floor(tenths) ? fmt::format("{:.0f}", tenths) : fmt::format("{:.1f}", tenths);
    }
    return value < 1000 ? fmt::format("{:.0f}", value) : scaled(value, 1000, units);
}

std::string human_bytes(std::uint64_t value) {
    static constexpr std::string_view units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
    return scaled(static_cast<double>(value), 1024, units);
}

std::string human_seconds(double value) {
    constexpr std::uint64_t minute = 60;
    constexpr std::uint64_t hour = 60 * minute;
    constexpr std::uint64_t day = 24 * hour;
    if (value < 10) {
        return fmt::format("{:.1f}s", value);
    }
    const auto seconds = static_cast<std::uint64_t>(value);
    if (seconds < minute) {
        return fmt::format("{}s", seconds);
    }
    if (seconds < hour) {
        return fmt::format("{}m{:02}s", seconds / minute, seconds % minute);
    }
    if (seconds < day) {
        return fmt::format("{}h{:02}m", seconds / hour, seconds % hour / minute);
    }
    return fmt::format("{}d{}h", seconds / day, seconds % day / hour);
}

} // namespace proxip::cli
