#pragma once

// The BPF object, loaded over the pinned maps or with new ones.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "model/result.hpp"
#include "proxip.skel.h"

namespace proxip::dataplane {

struct SkeletonDeleter {
    void operator()(proxip_bpf* skeleton) const { proxip_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<proxip_bpf, SkeletonDeleter>;

enum class Purpose {
    live,
    jumbo,   // the packet programs once more, for frames that lie in several pages (BPF_F_XDP_HAS_FRAGS)
    dry_run, // explain
};

// Where maps are pinned. Two folders only while tables of configuration of another version are being replaced.
struct MapFolders {
    std::filesystem::path kept;          // of connections, and what they name
    std::filesystem::path configuration; // ABI_CONFIG_TABLES
};
[[nodiscard]] bool is_configuration(std::string_view map);

struct Sizes {
    std::uint32_t max_connections = 0;
    std::uint32_t nat_buffer = 0; // bytes: a power of two, and whole pages
};

// Every map but those that belong to one load alone is pinned under its name, and taken from there when it is pinned
// already. A dry run shares the live one's maps and pins nothing; so do the jumbo programs, but for the table of
// whom they call, which the kernel does not let hold programs of both kinds.
[[nodiscard]] Result<Skeleton> load_object(const MapFolders& folders, Sizes sizes, Purpose purpose);

[[nodiscard]] int map_fd(const Skeleton& skeleton, std::string_view name);
[[nodiscard]] int program_fd(const Skeleton& skeleton, std::string_view name);

// libbpf's messages go to the agent's log.
void route_libbpf_log();

} // namespace proxip::dataplane
