#pragma once

// What doctor reads of the agent's own host.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "policy/doctor.hpp"

namespace proxip::app {

// Of `folder`, where the maps are pinned.
[[nodiscard]] policy::doctor::Bpffs read_bpffs(const std::filesystem::path& folder);
// Of this process's cgroup and those around it, the one that is fullest. None: there is no limit, or it cannot be read.
// `mount` is where the hierarchies are, `cgroups` a file as /proc/self/cgroup.
[[nodiscard]] std::optional<policy::doctor::Memory> read_memory(const std::filesystem::path& cgroups,
                                                                const std::filesystem::path& mount);

class WallClock {
  public:
    WallClock();
    [[nodiscard]] policy::doctor::Clock read() const; // `needed_by` is left to the caller

  private:
    double offset_; // of the wall clock from the time since boot, when the agent started
};

} // namespace proxip::app
