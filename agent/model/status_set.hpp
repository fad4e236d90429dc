#pragma once

// The HTTP status codes that a health check takes for an answer of a healthy server.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.hpp"

namespace proxip {

// "200-399", "200,204", "200-299,401". What it holds is in order and nothing twice, so that equal sets are equal.
struct StatusSet {
    struct Range {
        std::uint16_t first = 0;
        std::uint16_t last = 0;

        bool operator==(const Range&) const = default;
    };
    std::vector<Range> ranges{{200, 399}};

    bool operator==(const StatusSet&) const = default;
    [[nodiscard]] static Result<StatusSet> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    [[nodiscard]] bool contains(unsigned status) const;
};

} // namespace proxip
