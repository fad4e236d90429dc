#pragma once

// One data plane for all tests of a process, since loading it takes the verifier longer than a test runs; empty for
// each.

#include <cstdint>
#include <memory>

#include "dataplane/dataplane.hpp"
#include "policy/identities.hpp"

namespace proxip::packet {

inline constexpr std::uint32_t table_size = 64; // connections

struct Plane {
    std::unique_ptr<dataplane::Dataplane> kernel;
    policy::Identities ids; // of what is installed
};

// Without configuration, connections and counts, as if just made.
[[nodiscard]] Plane& clean_plane();

} // namespace proxip::packet
