#pragma once

// Durable state of one agent: what was acknowledged survives kill -9 and power loss. One folder, one owner (flock).
//
// The kernel holds the truth of what runs; this holds what the kernel cannot: names, the file that was applied, the
// operator's overlay. A change is written in two steps around the kernel's: prepare() puts the next state on disk,
// the data plane moves, commit() makes it the state. After a crash in between, the kernel's generation tells which is
// right.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "model/result.hpp"

namespace proxip::store {

struct Overlay {
    std::string service;
    SocketAddress backend;
    Admin admin = Admin::enabled;

    bool operator==(const Overlay&) const = default;
};

// What an apply that waits to be confirmed goes back to.
struct Former {
    std::uint64_t generation = 0;
    Config running;
    Config applied;
    std::string file_digest;
    std::vector<Overlay> overlay;

    bool operator==(const Former&) const = default;
};

struct Confirm {
    std::chrono::system_clock::time_point deadline; // to the millisecond
    Millis limit{};                                 // as it was given: a clock that was set back gives no more
    Former former;

    bool operator==(const Confirm&) const = default;
};

struct State {
    std::uint64_t generation = 0;
    Config running;
    Config applied;          // the last file, as it was applied
    std::string file_digest; // of the agent's own file, as it was when the agent last read it (digest())
    std::vector<Overlay> overlay;
    std::map<ServiceAddress, std::string> leaving = {}; // names of removed services whose connections may live on
    std::optional<Confirm> confirm = std::nullopt;

    bool operator==(const State&) const = default;
};

// A checksum of a text, to notice that a file changed (FNV-1a 64, hex).
[[nodiscard]] std::string digest(std::string_view text);

class Store {
  public:
    // Makes the folder (0750) when it is missing. Refused when another agent holds it, with its pid.
    [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::filesystem::path& folder);
    virtual ~Store() = default;

    // What was saved: the committed state, or the prepared one when `kernel_generation` says that the kernel took it.
    // Nothing saved: none. Damaged (checksum, truncation, not JSON): an error that names the file; the file is kept.
    [[nodiscard]] virtual Result<std::optional<State>> load(std::optional<std::uint64_t> kernel_generation) = 0;
    // Temp file, fsync, rename, fsync of the folder; mode 0640. Nothing is lost on failure.
    [[nodiscard]] virtual Result<void> prepare(const State& next) = 0;
    [[nodiscard]] virtual Result<void> commit() = 0;
    // The prepared state is not wanted after all (the kernel refused it).
    virtual void abandon() = 0;
};

} // namespace proxip::store
