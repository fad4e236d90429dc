#pragma once

// What is wrong with a configuration and where, before the place is put into words: the same steps lead to the value in
// the user's TOML (line and column) and to the path that a reader understands ("service[web].backend[0].weight").

#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/config.hpp"

namespace proxip {

using Step = std::variant<std::string, std::size_t>; // a key, or a place in an array

struct Misfit {
    std::string message;
    std::vector<Step> where;
    bool at_key = false; // the key itself is wrong, not its value
};

// What validate() checks. `path` is its error's path; the misfit's steps lead to the same place in the configuration's
// JSON.
struct Finding {
    Misfit misfit;
    std::string path;
};
[[nodiscard]] std::optional<Finding> find_fault(const Config& config);

} // namespace proxip
