#pragma once

// The clsact hook of an interface, asked over rtnetlink: libbpf can make and destroy it, but cannot tell whether it is
// there and whether anybody else's filters are on it.

#include <cstdint>

namespace proxip::dataplane {

[[nodiscard]] bool has_clsact(std::uint32_t index);
// Any filter, on either side of the hook. True also when the kernel did not say: what may be another's is left alone.
[[nodiscard]] bool has_clsact_filters(std::uint32_t index);

} // namespace proxip::dataplane
