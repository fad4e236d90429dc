#pragma once

// What lbctl can find out by itself when no agent answers `doctor`.

#include <filesystem>
#include <functional>

#include "api/messages.hpp"

namespace proxip::cli {

// Where things are on this host; tests bring their own.
struct Places {
    std::filesystem::path processes = "/proc";
    std::filesystem::path bpffs = "/sys/fs/bpf"; // the agent's default is the folder proxip in it
    std::filesystem::path systemd = "/run/systemd";
};

// `error` is why the agent was not reached.
[[nodiscard]] api::Doctor examine_locally(const std::filesystem::path& socket, const Error& error,
                                          const Places& places = {});

} // namespace proxip::cli
