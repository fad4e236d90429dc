// Durations and sizes in text.

#include <array>
#include <limits>

#include <fmt/format.h>

#include "model/codec.hpp"
#include "model/text.hpp"

namespace proxip {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t size;
};

// Largest first: a sum is written and read in this order.
constexpr std::array time_units{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000},
                                Unit{"ms", 1}};
constexpr std::array size_units{Unit{"TiB", 1ULL << 40U}, Unit{"GiB", 1ULL << 30U}, Unit{"MiB", 1ULL << 20U},
                                Unit{"KiB", 1ULL << 10U}};

constexpr std::string_view a_duration = "a duration, such as 500ms, 2s, 5m or 1h30m";
constexpr std::string_view a_size = "a number of bytes, such as 256MiB (KiB, MiB, GiB, TiB)";

std::optional<std::size_t> time_unit(std::string_view name) {
    for (std::size_t i = 0; i < time_units.size(); ++i) {
        if (time_units.at(i).name == name) {
            return i;
        }
    }
    return std::nullopt;
}

} // namespace

Result<Millis> parse_duration(std::string_view text) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<Millis::rep>::max());
    constexpr std::string_view digits = "0123456789";
    std::string_view rest = text;
    std::uint64_t total = 0;
    std::size_t next_unit = 0; // each unit at most once, largest first
    do {
        const std::size_t number_end = std::min(rest.find_first_not_of(digits), rest.size());
        const std::size_t unit_end = std::min(rest.find_first_of(digits, number_end), rest.size());
        const auto unit = time_unit(rest.substr(number_end, unit_end - number_end));
        if (!unit || *unit < next_unit) {
            return unfit(text, a_duration);
        }
        const std::uint64_t size = time_units.at(*unit).size;
        const auto number = parse_number(rest.substr(0, number_end), (most - total) / size);
        if (!number) {
            return unfit(text, a_duration);
        }
        total += *number * size;
        next_unit = *unit + 1;
        rest.remove_prefix(unit_end);
    } while (!rest.empty());
    return Millis{static_cast<Millis::rep>(total)};
}

std::string duration_text(Millis value) {
    if (value <= Millis{0}) {
        return "0s";
    }
    std::string out;
    auto rest = static_cast<std::uint64_t>(value.count());
    for (const Unit& unit : time_units) {
        if (rest >= unit.size) {
            out += fmt::format("{}{}", rest / unit.size, unit.name);
            rest %= unit.size;
        }
    }
    return out;
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    for (const Unit& unit : size_units) {
        if (text.ends_with(unit.name)) {
            const auto number = parse_number(text.substr(0, text.size() - unit.name.size()), most / unit.size);
            return number ? Result<std::uint64_t>{*number * unit.size} : unfit(text, a_size);
        }
    }
    const auto number = parse_number(text, most);
    return number ? Result<std::uint64_t>{*number} : unfit(text, a_size);
}

std::string bytes_text(std::uint64_t value) {
    for (const Unit& unit : size_units) {
        if (value >= unit.size && value % unit.size == 0) {
            return fmt::format("{}{}", value / unit.size, unit.name);
        }
    }
    return fmt::format("{}", value);
}

} // namespace proxip
