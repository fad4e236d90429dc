#pragma once

// Which devices take the frames that XDP programs redirect to them. The others are reached by clsact redirect.
//
// A device needs ndo_xdp_xmit for it, many drivers also an XDP program of their own, and a veth the NAPI of its peer:
// an XDP program there, or GRO. None of this lasts, so the question is asked again from time to time. Everything here
// looks at the network namespace of the calling thread.

#include <cstdint>
#include <optional>
#include <string>

#include "model/result.hpp"

namespace proxip::dataplane {

// The answer of the best source that the kernel has. `probe_program` is the XDP program that redirects a frame to the
// interface whose index (u32, host order) is in the four bytes after its Ethernet header; kernels from 6.3 do not run
// it.
[[nodiscard]] Result<bool> takes_redirected_frames(std::uint32_t ifindex, int probe_program);

// As the kernel advertises it (generic netlink family "netdev", since 6.3). Nothing: the kernel lacks the family.
[[nodiscard]] Result<std::optional<bool>> advertised_redirect(std::uint32_t ifindex);

// As it turns out: a veth is sent one probe frame, which no bridge forwards; other devices are judged by their driver.
[[nodiscard]] Result<bool> tried_redirect(std::uint32_t ifindex, int probe_program);

struct Driver { // ETHTOOL_GDRVINFO; both empty where the device tells nothing (loopback)
    std::string name;
    std::string bus; // the device's place: "0000:00:03.0"; "", "N/A", "tap" or "tun" for one that is all software
    std::uint32_t statistics = 0; // how many ETHTOOL_GSTATS has
};

[[nodiscard]] Result<Driver> driver_of(std::uint32_t ifindex);
// For drivers of Linux 6.1 other than veth; false for those not known. `native_program`: the device runs an XDP
// program.
[[nodiscard]] bool driver_takes_redirects(const Driver& driver, bool native_program);
// May frames from this device carry a checksum that a local sender or another guest left unfinished? Hardware delivers
// none.
[[nodiscard]] bool may_have_partial_checksums(const Driver& driver);

} // namespace proxip::dataplane
