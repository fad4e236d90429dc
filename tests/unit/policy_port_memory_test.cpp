#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include <rapidcheck.h>

#include "bpf/abi/limits.h"
#include "bpf/abi/types.h"
#include "policy/port_memory.hpp"

namespace {

using proxip::policy::PortMemory;
using proxip::policy::RingPlace;

constexpr std::uint32_t slab = proxip::abi::ABI_SLAB_PORTS;

bool overlap(const RingPlace& a, const RingPlace& b) {
    return a.chunk == b.chunk && a.slab == b.slab && a.base < b.base + b.count && b.base < a.base + a.count;
}

// The kernel's chunks, as the caller of place() makes them; and what lies in them.
struct Kernel {
    std::vector<std::uint32_t> slabs;
    std::vector<RingPlace> rings;

    void grow(std::uint32_t new_slabs) {
        if (new_slabs > 0) {
            slabs.push_back(new_slabs);
        }
    }
    [[nodiscard]] bool has_room_for(const RingPlace& place) const {
        return place.chunk < slabs.size() && place.slab < slabs[place.chunk] && place.base + place.count <= slab;
    }
    [[nodiscard]] bool is_free(const RingPlace& place) const {
        return std::none_of(rings.begin(), rings.end(), [&](const RingPlace& ring) { return overlap(ring, place); });
    }
};

} // namespace

TEST_CASE("port memory: small rings share a slab, a whole range has one", "[policy]") {
    PortMemory memory;
    const auto placed = memory.place({100, 100, 65536, 64512}).value();
    CHECK(placed.new_chunk_slabs == 2);
    CHECK(placed.places[0] == RingPlace{.chunk = 0, .slab = 0, .base = 0, .count = 100});
    CHECK(placed.places[1] == RingPlace{.chunk = 0, .slab = 0, .base = 100, .count = 100});
    CHECK(placed.places[2] == RingPlace{.chunk = 0, .slab = 1, .base = 0, .count = 65536});
    CHECK(placed.places[3] == RingPlace{.chunk = 0, .slab = 0, .base = 200, .count = 64512});
    const auto more = memory.place({800}).value();
    CHECK(more.new_chunk_slabs == 0);
    CHECK(more.places[0].slab == 0);
}

TEST_CASE("port memory: what is given back is used again, together with what lies beside it", "[policy]") {
    PortMemory memory;
    const auto placed = memory.place({20000, 20000, 25536}).value().places;
    CHECK(memory.place({1}).value().new_chunk_slabs == 1); // the slab was full
    memory.release(placed[0]);
    memory.release(placed[2]);
    memory.release(placed[1]);
    const auto whole = memory.place({65536}).value();
    CHECK(whole.new_chunk_slabs == 0);
    CHECK(whole.places[0] == RingPlace{.chunk = 0, .slab = 0, .base = 0, .count = 65536});
}

TEST_CASE("port memory: adopted rings keep their place", "[policy]") {
    PortMemory memory;
    memory.add_chunk(2);
    const RingPlace adopted{.chunk = 0, .slab = 0, .base = 30000, .count = 1000};
    memory.occupy(adopted);
    const auto kept = memory.place({30000, 30000, 30000}).value();
    for (const RingPlace& place : kept.places) {
        CHECK_FALSE(overlap(place, adopted));
    }
}

TEST_CASE("port memory: refused when it was grown too often, and nothing is taken then", "[policy]") {
    PortMemory memory;
    for (int i = 0; i < proxip::abi::ABI_MAX_PORT_CHUNKS; ++i) {
        memory.add_chunk(1);
    }
    const std::vector<std::uint32_t> whole(proxip::abi::ABI_MAX_PORT_CHUNKS, 65536);
    CHECK_FALSE(memory.place({65536, 65537}).has_value());
    CHECK(memory.place(whole).value().new_chunk_slabs == 0);
    CHECK_FALSE(memory.place({1}).has_value());
}

TEST_CASE("port memory: no two rings overlap, whatever comes and goes", "[policy]") {
    const bool held = rc::check("place and release at random", [] {
        PortMemory memory;
        Kernel kernel;
        for (int step = 0; step < 30; ++step) {
            if (!kernel.rings.empty() && *rc::gen::inRange(0, 2) == 0) {
                const auto leaving =
                    kernel.rings.begin() + *rc::gen::inRange<long>(0, static_cast<long>(kernel.rings.size()));
                memory.release(*leaving);
                kernel.rings.erase(leaving);
                continue;
            }
            const auto counts = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::uint32_t>>(
                rc::gen::element(1U, 7U, 100U, 4096U, 40000U, 64512U, 65536U)));
            const auto placed = memory.place(counts);
            RC_ASSERT(placed.has_value());
            kernel.grow(placed->new_chunk_slabs);
            RC_ASSERT(placed->places.size() == counts.size());
            for (std::size_t i = 0; i < counts.size(); ++i) {
                RC_ASSERT(placed->places[i].count == counts[i]);
                RC_ASSERT(kernel.has_room_for(placed->places[i]));
                RC_ASSERT(kernel.is_free(placed->places[i]));
                kernel.rings.push_back(placed->places[i]);
            }
        }
        RC_ASSERT(memory.chunks() == kernel.slabs.size());
    });
    CHECK(held);
}
