#include "dataplane/port_chunks.hpp"

#include <cerrno>
#include <optional>
#include <system_error>

#include <bpf/bpf.h>
#include <fmt/format.h>

#include "model/descriptor.hpp"
#include "policy/abi.hpp"

namespace proxip::dataplane {

namespace {

Result<Descriptor> make_chunk(std::uint32_t slabs) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
    Descriptor map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "port_chunk", sizeof(std::uint32_t), sizeof(abi::abi_slab), slabs,
                                  &options));
    if (!map) {
        return fail_errno(fmt::format("cannot allocate {} KiB for proxy ports", slabs * sizeof(abi::abi_slab) / 1024),
                          errno);
    }
    return map;
}

std::optional<bpf_map_info> info_of(const Descriptor& map) {
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    return map && bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 ? std::optional(info) : std::nullopt;
}

} // namespace

std::filesystem::path PortChunks::place_of(std::uint32_t number) const {
    return folder_ / fmt::format("port_chunk_{}", number);
}

Result<void> PortChunks::pin(std::uint32_t number, int map) const {
    const auto place = place_of(number);
    std::error_code error;
    std::filesystem::remove(place, error); // of an install that failed
    if (bpf_obj_pin(map, place.c_str()) != 0) {
        return fail_errno(fmt::format("cannot pin {}", place.string()), errno);
    }
    return {};
}

Result<void> PortChunks::add(std::uint32_t number, std::uint32_t slabs) const {
    const auto chunk = make_chunk(slabs);
    if (!chunk) {
        return std::unexpected(chunk.error());
    }
    if (auto pinned = pin(number, chunk->get()); !pinned) { // first: what is linked must have its pin
        return pinned;
    }
    const int map = chunk->get();
    if (bpf_map_update_elem(table_, &number, &map, BPF_ANY) != 0) {
        return fail_errno("cannot add memory for proxy ports", errno);
    }
    return {};
}

Result<std::uint32_t> PortChunks::size_of(std::uint32_t number, std::uint32_t id) const {
    const Descriptor pinned(bpf_obj_get(place_of(number).c_str()));
    if (const auto info = info_of(pinned); info && info->id == id) {
        return info->max_entries;
    }
    const Descriptor map(bpf_map_get_fd_by_id(id));
    const auto info = info_of(map);
    if (!info) {
        return fail_errno(fmt::format("cannot open {}, which holds proxy ports", place_of(number).string()), errno);
    }
    if (auto done = pin(number, map.get()); !done) {
        return std::unexpected(done.error());
    }
    return info->max_entries;
}

Result<std::vector<std::uint32_t>> PortChunks::sizes() const {
    std::vector<std::uint32_t> sizes;
    std::uint32_t id = 0;
    for (std::uint32_t number = 0; number < abi::ABI_MAX_PORT_CHUNKS && bpf_map_lookup_elem(table_, &number, &id) == 0;
         ++number) {
        const auto size = size_of(number, id);
        if (!size) {
            return std::unexpected(size.error());
        }
        sizes.push_back(*size);
    }
    return sizes;
}

} // namespace proxip::dataplane
