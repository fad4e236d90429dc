#pragma once

// The table of connections as the data plane left it.

#include <cstdint>
#include <vector>

#include "bpf/abi/bucket.h"

namespace proxip::packet {

struct Entry {
    std::uint32_t bucket;
    std::uint64_t tag;
    std::uint32_t slot;
    std::uint32_t direction; // enum abi_direction
};

// Throws where a bucket cannot be read, or says other than it holds.
[[nodiscard]] std::vector<Entry> read_entries(int conn, std::uint32_t max_connections);
void clear_entries(int conn, std::uint32_t max_connections);

// Where a tuple's entry must be, with which tag.
[[nodiscard]] Entry entry_of(const abi::abi_tuple& tuple, const abi::abi_table_seed& seed,
                             std::uint32_t max_connections);

} // namespace proxip::packet
