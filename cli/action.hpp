#pragma once

// What a command line becomes: a request for the agent, something to look on at, or a text that needs no agent.

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/messages.hpp"
#include "cli/rates.hpp"

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

struct TopWatch { // readings, one an interval
    Millis interval{1000};
    std::optional<std::uint32_t> count = std::nullopt; // none: until it is ended; off a terminal once
    TopSort sort = TopSort::bits;
    std::uint32_t clients = 10;
};

struct Follow { // what comes after the answer
    api::Request request;
    std::optional<std::uint64_t> count = std::nullopt; // then it is enough
    std::optional<Millis> limit = std::nullopt;        // so long; with a count, too few by then is in vain
    std::optional<std::string> write = std::nullopt;   // a capture file, instead of lines

    [[nodiscard]] std::uint32_t snaplen() const {
        const auto* trace = std::get_if<api::TraceRequest>(&request);
        return trace == nullptr ? 0 : trace->snaplen;
    }
};

struct Print { // help, completion, --version, a converted file
    std::string text;
    std::string note = {}; // for a person, on stderr
};

using Action = std::variant<Call, TopWatch, Follow, Print>;

} // namespace proxip::cli
