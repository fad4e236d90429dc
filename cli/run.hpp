#pragma once

// From arguments to exit code: parse, call, render.

#include <chrono>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "api/messages.hpp"
#include "cli/parse.hpp"

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
};

[[nodiscard]] int run(const std::vector<std::string>& args, const World& world);

} // namespace proxip::cli
