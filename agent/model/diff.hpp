#pragma once

// What an apply would do, as a list that a person and a program can read.

#include <string>
#include <vector>

#include "model/config.hpp"

namespace proxip {

struct Change {
    std::string action;   // "add" | "remove" | "change"
    std::string path;     // "service[web].backend[10.0.0.1:80].weight", the same paths as in errors
    std::string from;     // "" for add
    std::string to;       // "" for remove
    bool restart = false; // takes effect only when the data plane is made anew (max_connections)

    bool operator==(const Change&) const = default;
};

// In the order agent, pools, services; empty when nothing differs. A whole object that is added or removed is one
// change.
[[nodiscard]] std::vector<Change> diff(const Config& running, const Config& desired);

} // namespace proxip
