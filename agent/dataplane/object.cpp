#include "dataplane/object.hpp"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include "bpf/abi/bucket.h"
#include "model/descriptor.hpp"
#include "policy/abi.hpp"

namespace proxip::dataplane {

namespace {

// A load's own, which may change its shape from version to version: constants, work space, what explain answers with.
bool belongs_to_load(std::string_view map) {
    return map == "decision" || map == "scratch" || map == "icmp_budget";
}

// A dry run calls its own programs, and must not count.
bool shared_with_dry_run(std::string_view map) {
    return map != "programs" && map != "counters";
}

bool is_internal(const bpf_map* map) { // .rodata: constants of this load
    return bpf_map__is_internal(map);
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.remove_suffix(1);
    }
    return text;
}

// The verifier's log is long, and what it found is said at its end.
constexpr std::size_t log_tail = 3000;

__attribute__((format(printf, 2, 0))) int log_line(libbpf_print_level level, const char* format, va_list arguments) {
    char* whole = nullptr;
    const int length = ::vasprintf(&whole, format, arguments);
    if (length < 0) {
        return length;
    }
    const std::unique_ptr<char, decltype(&std::free)> owner(whole, &std::free);
    std::string_view text(whole, static_cast<std::size_t>(length));
    if (text.size() > 2 * log_tail) {
        text.remove_prefix(text.size() - log_tail);
    }
    if (level == LIBBPF_WARN) {
        spdlog::warn("{}", trimmed(text));
    } else if (level == LIBBPF_INFO) {
        spdlog::debug("{}", trimmed(text));
    }
    return length;
}

Result<void> size_maps(const Skeleton& skeleton, Sizes sizes) {
    if (bpf_map__set_max_entries(skeleton->maps.conn, abi::abi_buckets(sizes.max_connections)) != 0 ||
        bpf_map__set_max_entries(skeleton->maps.slot, sizes.max_connections) != 0 ||
        bpf_map__set_max_entries(skeleton->maps.free_slots, sizes.max_connections) != 0 ||
        bpf_map__set_max_entries(skeleton->maps.nat_events, sizes.nat_buffer) != 0) {
        return fail(ErrorCode::failed, "cannot size the tables of connections");
    }
    return {};
}

bool is_set(const abi::abi_table_seed& seed) {
    return std::ranges::any_of(seed.secret, [](std::uint64_t secret) { return secret != 0; });
}

// Of the tables that are there, or a new one.
Result<abi::abi_table_seed> choose_seed(const std::filesystem::path& pin) {
    constexpr std::uint32_t zero = 0;
    abi::abi_table_seed seed{};
    const Descriptor map(bpf_obj_get(pin.c_str()));
    if (map && bpf_map_lookup_elem(map.get(), &zero, &seed) == 0 && is_set(seed)) {
        return seed;
    }
    if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        return fail_errno("no random numbers", errno);
    }
    return seed;
}

Result<void> keep_seed(const Skeleton& skeleton, const abi::abi_table_seed& seed) {
    constexpr std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.table_seed), &zero, &seed, BPF_ANY) != 0) {
        return fail_errno("cannot write the seed of the table of connections", errno);
    }
    return {};
}

Result<void> pin_maps(const Skeleton& skeleton, const MapFolders& folders, Purpose purpose) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton->obj) {
        const std::string name = bpf_map__name(map);
        if (is_internal(map) || belongs_to_load(name) || (purpose == Purpose::dry_run && !shared_with_dry_run(name))) {
            continue;
        }
        const std::string pin = purpose == Purpose::jumbo && name == "programs" ? "programs_jumbo" : name;
        const auto& folder = is_configuration(name) ? folders.configuration : folders.kept;
        if (const int error = bpf_map__set_pin_path(map, (folder / pin).c_str()); error != 0) {
            return fail_errno(fmt::format("cannot pin map {}", name), -error);
        }
    }
    return {};
}

std::vector<std::pair<std::uint32_t, bpf_program*>> packet_programs(const Skeleton& skeleton) {
#define PROXIP_PROGRAM(name, program) {abi::ABI_PROGRAM_##name, skeleton->progs.program},
    return {ABI_PROGRAMS(PROXIP_PROGRAM)};
#undef PROXIP_PROGRAM
}

void choose_programs(const Skeleton& skeleton, Purpose purpose) {
    if (purpose == Purpose::live) {
        return;
    }
    bpf_program__set_autoload(skeleton->progs.proxip_tc, false);
    bpf_program__set_autoload(skeleton->progs.proxip_arm, false);
    bpf_program__set_autoload(skeleton->progs.proxip_probe, false);
    if (purpose == Purpose::jumbo) {
        for (const auto& [key, program] : packet_programs(skeleton)) {
            bpf_program__set_flags(program, bpf_program__flags(program) | BPF_F_XDP_HAS_FRAGS);
        }
    }
}

Result<void> link_programs(const Skeleton& skeleton) {
    for (const auto& [key, program] : packet_programs(skeleton)) {
        const int fd = bpf_program__fd(program);
        if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.programs), &key, &fd, BPF_ANY) != 0) {
            return fail_errno("cannot link the BPF programs", errno);
        }
    }
    return {};
}

} // namespace

bool is_configuration(std::string_view map) {
#define PROXIP_TABLE_NAME(name) #name,
    constexpr auto tables = std::to_array<std::string_view>({ABI_CONFIG_TABLES(PROXIP_TABLE_NAME) "programs_jumbo"});
#undef PROXIP_TABLE_NAME
    return std::ranges::find(tables, map) != tables.end();
}

void route_libbpf_log() {
    libbpf_set_print(log_line);
}

Result<Skeleton> load_object(const MapFolders& folders, Sizes sizes, Purpose purpose) {
    Skeleton skeleton(proxip_bpf__open());
    if (!skeleton) {
        return fail_errno("cannot open the BPF object", errno);
    }
    skeleton->rodata->max_connections = sizes.max_connections;
    skeleton->rodata->conn_buckets = abi::abi_buckets(sizes.max_connections);
    skeleton->rodata->dry_run = purpose == Purpose::dry_run;
    const auto seed = choose_seed(folders.kept / "table_seed");
    if (!seed) {
        return std::unexpected(seed.error());
    }
    std::ranges::copy(seed->secret, std::begin(skeleton->rodata->table_secret));
    choose_programs(skeleton, purpose);
    if (auto sized = size_maps(skeleton, sizes); !sized) {
        return std::unexpected(sized.error());
    }
    if (auto pinned = pin_maps(skeleton, folders, purpose); !pinned) {
        return std::unexpected(pinned.error());
    }
    if (const int error = proxip_bpf__load(skeleton.get()); error != 0) {
        return fail_errno("the kernel did not take the BPF object (its log has the reason)", -error);
    }
    if (auto kept = keep_seed(skeleton, *seed); !kept) { // before any program is attached
        return std::unexpected(kept.error());
    }
    if (auto linked = link_programs(skeleton); !linked) {
        return std::unexpected(linked.error());
    }
    return skeleton;
}

int map_fd(const Skeleton& skeleton, std::string_view name) {
    return bpf_object__find_map_fd_by_name(skeleton->obj, std::string(name).c_str());
}

int program_fd(const Skeleton& skeleton, std::string_view name) {
    return bpf_program__fd(bpf_object__find_program_by_name(skeleton->obj, std::string(name).c_str()));
}

} // namespace proxip::dataplane
