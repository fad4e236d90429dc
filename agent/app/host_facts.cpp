#include "app/host_facts.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/vfs.h>

namespace proxip::app {

namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> number_in(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} ? std::optional(value) : std::nullopt; // "max" is none
}

std::optional<std::uint64_t> read_number(const fs::path& path) {
    std::ifstream file(path);
    std::string text;
    return file >> text ? number_in(text) : std::nullopt;
}

// The line "KEY VALUE" of memory.stat.
std::uint64_t read_stat(const fs::path& path, std::string_view key) {
    std::ifstream file(path);
    for (std::string name, value; file >> name >> value;) {
        if (name == key) {
            return number_in(value).value_or(0);
        }
    }
    return 0;
}

struct Hierarchy { // cgroup v2, or v1's memory controller (Documentation/admin-guide/cgroup-v2.rst)
    fs::path root;
    fs::path own; // of this process, below the root
    std::string_view limit;
    std::string_view used;
    std::string_view evictable; // a key of memory.stat: page cache that goes first
};

std::optional<Hierarchy> hierarchy(const fs::path& cgroups, const fs::path& mount) {
    std::ifstream file(cgroups);
    std::optional<Hierarchy> out;
    for (std::string line; std::getline(file, line);) { // ID:CONTROLLERS:PATH
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const fs::path own = fs::path(line.substr(second + 1)).relative_path();
        if (controllers == "memory") {
            return Hierarchy{mount / "memory", own, "memory.limit_in_bytes", "memory.usage_in_bytes",
                             "total_inactive_file"};
        }
        if (controllers.empty()) {
            out = Hierarchy{mount, own, "memory.max", "memory.current", "inactive_file"};
        }
    }
    return out;
}

std::optional<policy::doctor::Memory> read_one(const Hierarchy& in, const fs::path& own) {
    const fs::path folder = in.root / own;
    constexpr std::uint64_t no_limit = 1ULL << 60; // v1 writes the largest number of pages
    const auto limit = read_number(folder / in.limit);
    const auto used = read_number(folder / in.used);
    if (!limit || !used || *limit >= no_limit) {
        return std::nullopt;
    }
    return policy::doctor::Memory{.cgroup = (fs::path("/") / own).string(),
                                  .used = *used - std::min(*used, read_stat(folder / "memory.stat", in.evictable)),
                                  .limit = *limit};
}

double part(const policy::doctor::Memory& memory) {
    return static_cast<double>(memory.used) / static_cast<double>(std::max<std::uint64_t>(memory.limit, 1));
}

bool same_namespace(const char* one, const char* other) {
    struct stat a{};
    struct stat b{};
    // Not to be read: taken to be the same.
    return ::stat(one, &a) != 0 || ::stat(other, &b) != 0 || a.st_ino == b.st_ino;
}

double seconds_of(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double wall_offset() {
    return seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME);
}

} // namespace

policy::doctor::Bpffs read_bpffs(const fs::path& folder) {
    struct statfs info{};
    std::error_code error;
    return {.folder = folder.string(),
            .mounted = ::statfs(folder.c_str(), &info) == 0 &&
                       static_cast<std::uint64_t>(info.f_type) == std::uint64_t{BPF_FS_MAGIC},
            .pinned = fs::exists(folder / "maps" / "conn", error),
            .own_mounts = !same_namespace("/proc/self/ns/mnt", "/proc/1/ns/mnt")};
}

std::optional<policy::doctor::Memory> read_memory(const fs::path& cgroups, const fs::path& mount) {
    const auto in = hierarchy(cgroups, mount);
    if (!in) {
        return std::nullopt;
    }
    std::optional<policy::doctor::Memory> fullest;
    for (fs::path own = in->own;; own = own.parent_path()) {
        if (const auto one = read_one(*in, own); one && (!fullest || part(*one) > part(*fullest))) {
            fullest = one;
        }
        if (own.empty()) {
            return fullest;
        }
    }
}

WallClock::WallClock() : offset_(wall_offset()) {}

policy::doctor::Clock WallClock::read() const {
    timex state{};
    return {
        .synchronised = ::adjtimex(&state) != TIME_ERROR, .stepped_seconds = wall_offset() - offset_, .needed_by = {}};
}

} // namespace proxip::app
