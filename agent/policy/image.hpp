#pragma once

// A configuration as the data plane's tables: pure, so that what would be installed can be asked without installing it.

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "policy/abi.hpp"
#include "policy/identities.hpp"
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

// May new connections go there now?
using Available = std::function<bool(const Service&, const Backend&)>;

// Did it die? What is merely drained or disabled keeps its connections, UDP ones too.
using Down = std::function<bool(const Service&, const Backend&)>;

// `ids` gains what is new. Refused when a table of the kernel is too small. Without `down` nothing is.
// `schedules`: of the images before this one.
[[nodiscard]] Result<Image> compile(const Config& config, const Available& available, Identities& ids,
                                    std::uint32_t seed, const Down& down = {}, Schedules* schedules = nullptr);

} // namespace proxip::policy
