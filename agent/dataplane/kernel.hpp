#pragma once

// The data plane in the kernel: maps and links pinned in a bpffs folder, where they outlive the agent.

#include <filesystem>
#include <memory>

#include "dataplane/dataplane.hpp"

namespace proxip::dataplane {

inline constexpr std::uint32_t default_nat_buffer = 4U << 20;

// Takes over what is pinned in the folder (the program is replaced by this agent's own, atomically, and the timer armed
// anew), or makes it. The sizes count only for a new one, that of the buffer also for one that has none. Refused when
// the folder is not on a bpffs, or holds a data plane of another ABI version.
[[nodiscard]] Result<std::unique_ptr<Dataplane>> open_kernel(const std::filesystem::path& folder,
                                                             std::uint32_t max_connections,
                                                             std::uint32_t nat_buffer = default_nat_buffer);

// Takes everything down: hooks, filters, pins. Not an error when there is nothing.
[[nodiscard]] Result<void> remove_kernel(const std::filesystem::path& folder);

// For tests that run the programs or look into the tables by themselves; -1 when there is no such program or map.
[[nodiscard]] int program_fd(const Dataplane& dataplane, std::string_view name);
[[nodiscard]] int map_fd(const Dataplane& dataplane, std::string_view name);

} // namespace proxip::dataplane
