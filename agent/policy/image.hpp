#pragma once

// A configuration as the data plane's tables: pure, so that what would be installed can be asked without installing it.

#include <cstdint>
#include <utility>
#include <vector>

#include "policy/abi.hpp"
#include "policy/identities.hpp"
#include "policy/rotation.hpp"
#include "policy/schedules.hpp"

namespace proxip::policy {

struct Image {
    struct Service {
        Id id = 0;
        abi::abi_vip vip{};
        abi::abi_service entry{};
    };
    struct Ring {
        Id id = 0;
        abi::abi_ring entry{}; // what stands below `fixed`
        bool fresh = false;    // to be written; the others run already
    };

    std::vector<Service> services; // configured ones; those still leaving are the data plane's to keep
    std::vector<std::pair<abi::abi_match, Id>> matches; // half 0
    std::vector<abi::abi_allowed> allowed;              // half 0
    std::vector<abi::abi_backend> backends;
    std::vector<abi::abi_source> sources;
    std::vector<std::uint16_t> lookup;
    std::vector<std::pair<Id, abi::abi_binding>> bindings;
    std::vector<std::pair<Id, abi::abi_endpoint>> endpoints; // identity only: next hops are the neighbourhood's
    std::vector<std::pair<Id, abi::abi_proxy>> proxies;
    std::vector<Ring> rings;
    std::vector<std::uint32_t> new_chunks; // slabs of each
    std::uint32_t first_new_chunk = 0;     // their numbers begin here
    References named;                      // every id in it
};

// `ids` gains what is new. Refused when a table of the kernel is too small.
[[nodiscard]] Result<Image> compile(const Config& config, const Rotations& rotations, Schedules& schedules,
                                    Identities& ids, std::uint32_t seed);
// Where each backend is judged by itself. Without `down` nothing is.
[[nodiscard]] Result<Image> compile(const Config& config, const Available& available, Identities& ids,
                                    std::uint32_t seed, const Down& down = {});

} // namespace proxip::policy
