#pragma once

// What a reader of /status.json asks for: "?find=web&from=100".

#include <cstddef>
#include <string>
#include <string_view>

namespace proxip::app {

struct PageQuery {
    std::string find;     // in the name or address of a service or of one of its backends; lower case; at most 64 bytes
    std::size_t from = 0; // services before this one are not shown

    auto operator<=>(const PageQuery&) const = default;
};

[[nodiscard]] std::string lower_case(std::string text); // ASCII only

// What is not understood is left out.
[[nodiscard]] PageQuery page_query(std::string_view target);

} // namespace proxip::app
