#pragma once

// What a network device says of itself (SIOCETHTOOL, <linux/ethtool.h>). Looks at the network namespace of the calling
// thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include <linux/if_ether.h>
#include <net/if.h>

#include "model/descriptor.hpp"
#include "model/result.hpp"

namespace proxip::dataplane {

class EthtoolDevice {
  public:
    [[nodiscard]] static Result<EthtoolDevice> open(std::uint32_t ifindex);

    // A struct of <linux/ethtool.h> and what follows it. 0, or a positive errno.
    [[nodiscard]] int ethtool(void* command) const;
    [[nodiscard]] std::array<std::byte, ETH_ALEN> mac() const; // zero when it has none

    // Of the `statistics` counters that it has (ethtool_drvinfo.n_stats), those whose name `counts` picks.
    [[nodiscard]] Result<std::uint64_t> sum_of(std::uint32_t statistics,
                                               const std::function<bool(std::string_view)>& counts) const;
    // Is this feature on (net/ethtool/common.c, netdev_features_strings)? False where the device does not know it.
    [[nodiscard]] bool has_feature(std::string_view name) const;

  private:
    [[nodiscard]] int ioctl(unsigned long what, ifreq& request) const;
    [[nodiscard]] Result<std::vector<std::byte>> names(std::uint32_t string_set, std::uint32_t count) const;

    Descriptor socket_;
    ifreq name_{};
};

struct Offloads {             // that matter to a program that forwards
    bool merges = false;      // LRO, or GRO in hardware
    bool strips_tags = false; // VLAN tags are taken off before XDP sees the frame
};
[[nodiscard]] Result<Offloads> offloads_of(std::uint32_t ifindex);

// Frames that its queues lost on the way of an XDP redirect or an XDP_TX, since it was made.
[[nodiscard]] Result<std::uint64_t> redirect_errors_of(std::uint32_t ifindex);
// Is it a counter of such frames? Drivers choose their own names.
[[nodiscard]] bool counts_redirect_errors(std::string_view name);

} // namespace proxip::dataplane
