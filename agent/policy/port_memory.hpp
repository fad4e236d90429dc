#pragma once

// Where the rings' ports lie. The kernel has slabs of 65,536 ports, in chunks that are allocated when they are needed;
// a ring lies within one slab, and several small rings share one.

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "model/result.hpp"

namespace proxip::policy {

struct RingPlace {
    std::uint16_t chunk = 0;
    std::uint16_t slab = 0;
    std::uint16_t base = 0;  // first port's place in the slab
    std::uint32_t count = 0; // 1..65536

    bool operator==(const RingPlace&) const = default;
};

class PortMemory {
  public:
    // A chunk that the kernel has. Chunks are numbered in the order they come.
    void add_chunk(std::uint32_t slabs);
    // What lies where already (adoption).
    void occupy(const RingPlace& place);
    void release(const RingPlace& place);

    // A place for each ring. What does not fit into the chunks there are goes into one new chunk, whose size in slabs
    // comes back too (0: none needed); the caller allocates it in the kernel and this has added it. Refused when there
    // may be no more chunks; nothing is taken then.
    struct Placement {
        std::vector<RingPlace> places;
        std::uint32_t new_chunk_slabs = 0;
    };
    [[nodiscard]] Result<Placement> place(const std::vector<std::uint32_t>& counts);

    [[nodiscard]] std::size_t chunks() const { return chunks_.size(); }

  private:
    using Slab = std::map<std::uint32_t, std::uint32_t>; // free runs: base -> length
    [[nodiscard]] std::optional<RingPlace> take(std::size_t chunk, std::uint32_t count);

    std::vector<std::vector<Slab>> chunks_;
};

} // namespace proxip::policy
