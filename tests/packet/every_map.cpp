#include "packet/every_map.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/abi/types.h"
#include "model/descriptor.hpp"

namespace proxip::packet {

namespace {

void require_that(bool worked, const std::string& what) {
    if (!worked) {
        throw std::runtime_error(what + ": " + std::strerror(errno));
    }
}

bpf_map_info info_of(int map) {
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    require_that(bpf_obj_get_info_by_fd(map, &info, &size) == 0, "a map's properties");
    return info;
}

bool is_per_cpu(std::uint32_t type) {
    return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
           type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

std::size_t value_bytes(const bpf_map_info& info) {
    return is_per_cpu(info.type) ? ((info.value_size + 7U) & ~7U) * static_cast<std::size_t>(libbpf_num_possible_cpus())
                                 : info.value_size;
}

Bytes read_array(int map, const bpf_map_info& info) {
    Bytes values(info.max_entries * value_bytes(info));
    std::vector<std::uint32_t> keys(info.max_entries);
    std::uint32_t count = info.max_entries;
    std::uint32_t next = 0;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    const int error = bpf_map_lookup_batch(map, nullptr, &next, keys.data(), values.data(), &count, &options);
    require_that((error == 0 || errno == ENOENT) && count == info.max_entries, info.name);
    return values;
}

// One after the other: tables of programs and of maps know no batch on every kernel.
Bytes read_ids(int map, const bpf_map_info& info) {
    Bytes out;
    for (std::uint32_t key = 0; key < info.max_entries; ++key) {
        std::uint32_t id = 0;
        if (bpf_map_lookup_elem(map, &key, &id) != 0) {
            require_that(errno == ENOENT, info.name);
            id = 0;
        }
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&id);
        out.insert(out.end(), bytes, bytes + sizeof id);
        if (info.type != BPF_MAP_TYPE_ARRAY_OF_MAPS || id == 0) {
            continue;
        }
        const Descriptor inner(bpf_map_get_fd_by_id(id));
        require_that(static_cast<bool>(inner), "an inner map");
        const Bytes contents = read_array(inner.get(), info_of(inner.get()));
        out.insert(out.end(), contents.begin(), contents.end());
    }
    return out;
}

Bytes read_hash(int map, const bpf_map_info& info) {
    std::map<Bytes, Bytes> entries;
    Bytes key(info.key_size);
    Bytes next(info.key_size);
    for (const std::uint8_t* previous = nullptr; bpf_map_get_next_key(map, previous, next.data()) == 0;
         previous = key.data()) {
        key = next;
        Bytes value(value_bytes(info));
        require_that(bpf_map_lookup_elem(map, key.data(), value.data()) == 0, info.name);
        entries.emplace(key, std::move(value));
    }
    Bytes out;
    for (const auto& [one, value] : entries) {
        out.insert(out.end(), one.begin(), one.end());
        out.insert(out.end(), value.begin(), value.end());
    }
    return out;
}

// A queue can only be popped: all of it, and back again.
Bytes read_queue(int map, const bpf_map_info& info) {
    std::vector<Bytes> values;
    for (Bytes value(info.value_size); bpf_map_lookup_and_delete_elem(map, nullptr, value.data()) == 0;) {
        values.push_back(value);
    }
    Bytes out;
    for (const Bytes& value : values) {
        require_that(bpf_map_update_elem(map, nullptr, value.data(), BPF_ANY) == 0, info.name);
        out.insert(out.end(), value.begin(), value.end());
    }
    return out;
}

// How far the data plane has written into it: the second page, which only it writes (kernel/bpf/ringbuf.c).
Bytes read_ring(int map, const bpf_map_info& info) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* written = ::mmap(nullptr, page, PROT_READ, MAP_SHARED, map, static_cast<off_t>(page));
    require_that(written != MAP_FAILED, info.name);
    const auto* bytes = static_cast<const std::uint8_t*>(written);
    Bytes out(bytes, bytes + sizeof(std::uint64_t));
    (void)::munmap(written, page);
    return out;
}

Bytes contents_of(int map, const bpf_map_info& info) {
    switch (info.type) {
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_ARRAY: return read_array(map, info);
    case BPF_MAP_TYPE_PROG_ARRAY:
    case BPF_MAP_TYPE_ARRAY_OF_MAPS: return read_ids(map, info);
    case BPF_MAP_TYPE_RINGBUF: return read_ring(map, info);
    case BPF_MAP_TYPE_QUEUE: return read_queue(map, info);
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_LPM_TRIE: return read_hash(map, info);
    default: throw std::runtime_error(std::string("every_map() does not know the type of ") + info.name);
    }
}

std::set<std::uint32_t> map_ids(int program) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    require_that(bpf_obj_get_info_by_fd(program, &info, &size) == 0, "a program's properties");
    std::vector<std::uint32_t> ids(info.nr_map_ids);
    info = {};
    info.nr_map_ids = static_cast<std::uint32_t>(ids.size());
    info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
    require_that(bpf_obj_get_info_by_fd(program, &info, &size) == 0, "a program's maps");
    return {ids.begin(), ids.end()};
}

} // namespace

Contents every_map(const Rig& rig) {
    std::set<std::uint32_t> ids;
#define PROXIP_PROGRAM_NAME(name, program) #program,
    for (const char* program : {ABI_PROGRAMS(PROXIP_PROGRAM_NAME) "proxip_tc", "proxip_arm"}) {
#undef PROXIP_PROGRAM_NAME
        ids.merge(map_ids(rig.program(program)));
    }
    Contents out;
    for (const std::uint32_t id : ids) {
        const Descriptor map(bpf_map_get_fd_by_id(id));
        require_that(static_cast<bool>(map), "a map");
        const auto info = info_of(map.get());
        Bytes& contents = out[info.name];
        contents = contents_of(map.get(), info);
        if (std::strcmp(info.name, "ledger") == 0) {
            std::fill_n(contents.begin() + offsetof(abi::abi_ledger, sweep_hand), sizeof(std::uint64_t), 0);
        }
        if (std::strcmp(info.name, "clock") == 0) {
            std::ranges::fill(contents, std::uint8_t{0});
        }
    }
    return out;
}

std::vector<std::string> changed_between(const Contents& before, const Contents& after) {
    std::vector<std::string> out;
    for (const auto& [name, contents] : before) {
        const auto now = after.find(name);
        if (now == after.end() || now->second != contents) {
            out.push_back(name);
        }
    }
    for (const auto& [name, contents] : after) {
        if (!before.contains(name)) {
            out.push_back(name);
        }
    }
    return out;
}

} // namespace proxip::packet
