#include "packet/entries.hpp"

#include <stdexcept>

#include <bpf/bpf.h>

#include "dataplane/tables.hpp"

namespace proxip::packet {

namespace {

std::uint32_t count_beyond(const abi::abi_bucket& bucket) {
    std::uint32_t count = 0;
    for (int i = abi::ABI_BUCKET_FIRST_LINE; i < abi::ABI_BUCKET_ENTRIES; ++i) {
        count += bucket.entry[i] != 0 ? 1 : 0;
    }
    return count;
}

} // namespace

std::vector<Entry> read_entries(int conn, std::uint32_t max_connections) {
    std::vector<Entry> out;
    for (std::uint32_t place = 0; place < abi::abi_buckets(max_connections); ++place) {
        const auto bucket = dataplane::read_element<abi::abi_bucket>(conn, place);
        if (!bucket || bucket->beyond != count_beyond(*bucket)) {
            throw std::runtime_error("a bucket cannot be read, or counts wrongly");
        }
        for (const std::uint64_t entry : bucket->entry) {
            if (entry != 0) {
                out.push_back({.bucket = place,
                               .tag = abi::abi_tag_of(entry),
                               .slot = abi::abi_entry_slot(entry),
                               .direction = abi::abi_entry_direction(entry)});
            }
        }
    }
    return out;
}

void clear_entries(int conn, std::uint32_t max_connections) {
    const abi::abi_bucket empty{};
    for (std::uint32_t place = 0; place < abi::abi_buckets(max_connections); ++place) {
        if (bpf_map_update_elem(conn, &place, &empty, BPF_ANY) != 0) {
            throw std::runtime_error("a bucket cannot be written");
        }
    }
}

Entry entry_of(const abi::abi_tuple& tuple, const abi::abi_table_seed& seed, std::uint32_t max_connections) {
    const auto hash = abi::abi_tuple_hash(&tuple, seed.secret);
    return {.bucket = abi::abi_bucket_of(hash, abi::abi_buckets(max_connections)),
            .tag = abi::abi_tag_of(hash),
            .slot = 0,
            .direction = 0};
}

} // namespace proxip::packet
