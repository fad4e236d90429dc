#pragma once

// From arguments to exit code: parse, call, render.

#include <chrono>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "api/client.hpp"
#include "api/messages.hpp"
#include "cli/parse.hpp"
#include "cli/screen.hpp"

namespace proxip::cli {

// Everything outside of us that a run touches; tests bring their own.
struct World {
    std::function<Result<api::Answer>(const std::filesystem::path&, const api::Request&, Millis)> call;
    std::function<std::chrono::steady_clock::time_point()> now;
    std::function<void(Millis)> sleep;
    Environment environment;
    std::ostream& out;
    std::ostream& err;
    // What can be found out without an agent, and why it was not reached.
    std::function<api::Doctor(const std::filesystem::path&, const Error&)> examine = {};
    std::function<std::unique_ptr<Screen>()> screen = {}; // null, or gives null: there is no terminal
    std::function<Result<api::Subscription::Begun>(const std::filesystem::path&, const api::Request&, Millis)> follow =
        {};
    // From now on SIGINT and SIGTERM can be read from it instead of ending the process. -1: they end it.
    std::function<int()> interrupt = {};
};

// The error on stderr, in the form that was asked for; its exit code.
[[nodiscard]] int tell(const Error& error, Output output, const World& world);

[[nodiscard]] int run(const std::vector<std::string>& args, const World& world);

} // namespace proxip::cli
