#pragma once

// What a command line becomes: a request for the agent, or a text that needs no agent.

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/messages.hpp"

namespace proxip::cli {

enum class Output { table, wide, json };

struct Globals {
    std::filesystem::path socket = "/run/proxip/lbagent.sock";
    Output output = Output::table;
    Millis timeout{30'000}; // for one call
};

struct DrainWait { // after the request: until these backends have no connection left
    api::BackendShow which;
    std::vector<SocketAddress> addresses; // of those; none: all of them
    Millis limit{};
};

struct Call {
    api::Request request;
    std::optional<DrainWait> wait;
};

struct Print { // help, completion, --version, a converted file
    std::string text;
    std::string note = {}; // for a person, on stderr
};

using Action = std::variant<Call, Print>;

} // namespace proxip::cli
