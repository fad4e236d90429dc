#include "model/status_set.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "model/text.hpp"

namespace proxip {

namespace {

constexpr std::uint16_t lowest = 100; // RFC 9110 section 15
constexpr std::uint16_t highest = 599;

std::optional<std::uint16_t> parse_status(std::string_view text) {
    const auto number = parse_number(text, highest);
    return number && *number >= lowest ? std::optional(static_cast<std::uint16_t>(*number)) : std::nullopt;
}

std::optional<StatusSet::Range> parse_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto first = parse_status(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_status(text.substr(dash + 1));
    if (!first || !last || *last < *first) {
        return std::nullopt;
    }
    return StatusSet::Range{.first = *first, .last = *last};
}

// One text for one set, however it was written.
std::vector<StatusSet::Range> merged(std::vector<StatusSet::Range> ranges) {
    std::ranges::sort(ranges, {}, &StatusSet::Range::first);
    std::vector<StatusSet::Range> out;
    for (const StatusSet::Range& range : ranges) {
        if (!out.empty() && range.first <= out.back().last + 1) {
            out.back().last = std::max(out.back().last, range.last);
        } else {
            out.push_back(range);
        }
    }
    return out;
}

} // namespace

Result<StatusSet> StatusSet::parse(std::string_view text) {
    std::vector<Range> ranges;
    std::string_view rest = text;
    for (bool more = true; more;) {
        const std::size_t comma = rest.find(',');
        const auto range = parse_range(rest.substr(0, comma));
        if (!range) {
            return unfit(text, "status codes from 100 to 599, such as 200, 200-399 or 200,204");
        }
        ranges.push_back(*range);
        more = comma != std::string_view::npos;
        rest.remove_prefix(more ? comma + 1 : rest.size());
    }
    return StatusSet{.ranges = merged(std::move(ranges))};
}

std::string StatusSet::text() const {
    std::string out;
    for (const Range& range : ranges) {
        out += out.empty() ? "" : ",";
        out +=
            range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}-{}", range.first, range.last);
    }
    return out;
}

bool StatusSet::contains(unsigned status) const {
    return std::ranges::any_of(ranges,
                               [status](const Range& range) { return status >= range.first && status <= range.last; });
}

} // namespace proxip
