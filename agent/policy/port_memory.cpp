#include "policy/port_memory.hpp"

#include <algorithm>

#include "policy/abi.hpp"

namespace proxip::policy {

namespace {

constexpr std::uint32_t slab_ports = abi::ABI_SLAB_PORTS;

} // namespace

void PortMemory::add_chunk(std::uint32_t slabs) {
    chunks_.emplace_back(slabs, Slab{{0, slab_ports}});
}

void PortMemory::occupy(const RingPlace& place) {
    Slab& slab = chunks_.at(place.chunk).at(place.slab);
    auto run = std::prev(slab.upper_bound(place.base));
    const auto [base, length] = *run;
    slab.erase(run);
    if (place.base > base) {
        slab.emplace(base, place.base - base);
    }
    if (const std::uint32_t end = place.base + place.count; end < base + length) {
        slab.emplace(end, base + length - end);
    }
}

void PortMemory::release(const RingPlace& place) {
    Slab& slab = chunks_.at(place.chunk).at(place.slab);
    auto [run, inserted] = slab.emplace(place.base, place.count);
    if (auto after = std::next(run); after != slab.end() && run->first + run->second == after->first) {
        run->second += after->second;
        slab.erase(after);
    }
    if (run != slab.begin()) {
        if (auto before = std::prev(run); before->first + before->second == run->first) {
            before->second += run->second;
            slab.erase(run);
        }
    }
}

// First fit, from the chunk's first slab on.
std::optional<RingPlace> PortMemory::take(std::size_t chunk, std::uint32_t count) {
    auto& slabs = chunks_[chunk];
    for (std::size_t slab = 0; slab < slabs.size(); ++slab) {
        for (const auto& [base, length] : slabs[slab]) {
            if (length >= count) {
                const RingPlace place{.chunk = static_cast<std::uint16_t>(chunk),
                                      .slab = static_cast<std::uint16_t>(slab),
                                      .base = static_cast<std::uint16_t>(base),
                                      .count = count};
                occupy(place);
                return place;
            }
        }
    }
    return std::nullopt;
}

Result<PortMemory::Placement> PortMemory::place(const std::vector<std::uint32_t>& counts) {
    const auto before = chunks_;
    Placement out{.places = std::vector<RingPlace>(counts.size())};
    std::vector<std::size_t> homeless;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        std::optional<RingPlace> place;
        for (std::size_t chunk = 0; chunk < chunks_.size() && !place; ++chunk) {
            place = take(chunk, counts[i]);
        }
        if (place) {
            out.places[i] = *place;
        } else {
            homeless.push_back(i);
        }
    }
    if (homeless.empty()) {
        return out;
    }
    if (chunks_.size() >= abi::ABI_MAX_PORT_CHUNKS) {
        chunks_ = before;
        return fail(ErrorCode::refused, "the port memory was grown too often; restart with --detach to make it anew");
    }
    // Packed as they come: a slab more whenever one does not fit. A growth of a quarter at least keeps the chunks few.
    std::size_t existing = 0;
    for (const auto& chunk : chunks_) {
        existing += chunk.size();
    }
    const std::size_t chunk = chunks_.size();
    chunks_.emplace_back();
    for (const std::size_t i : homeless) {
        auto place = take(chunk, counts[i]);
        if (!place) {
            chunks_[chunk].push_back(Slab{{0, slab_ports}});
            place = take(chunk, counts[i]);
        }
        out.places[i] = *place;
    }
    chunks_[chunk].resize(std::max(chunks_[chunk].size(), existing / 4), Slab{{0, slab_ports}});
    out.new_chunk_slabs = static_cast<std::uint32_t>(chunks_[chunk].size());
    return out;
}

} // namespace proxip::policy
