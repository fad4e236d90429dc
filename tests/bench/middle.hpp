#pragma once

// What stands between front and back: made on a stage, taken away when it ends.

#include <memory>
#include <span>

#include "bench/bench_case.hpp"
#include "bench/ends.hpp"
#include "bench/stage.hpp"
#include "dataplane/dataplane.hpp"

namespace proxip::bench {

class Middle {
  public:
    virtual ~Middle() = default;
    // Connections as proxip has them; null for what is not proxip.
    [[nodiscard]] virtual const dataplane::Dataplane* plane() const { return nullptr; }
    // What an agent does beside the packets: not measured.
    virtual void between_slices() {}
    // Memory of the tables that grow with max_connections, by their fdinfo, over max_connections. 0: not known.
    [[nodiscard]] virtual double bytes_per_connection() const { return 0; }
};

// Destination NAT of the VIP to the backends, source NAT to the Proxy IPs, by the host's stack with nftables.
[[nodiscard]] std::unique_ptr<Middle> make_nftables(const Stage& stage);

// The product's own programs and tables, as the agent sets them up; only the way out can be dictated.
[[nodiscard]] std::unique_ptr<Middle> make_proxip(std::span<const Stage> lanes,
                                                  const Setup& setup); // IPv4 on several lanes
// Connections that fill so many per cent of the pool of a setup that asks for it.
[[nodiscard]] std::uint32_t filling(std::uint32_t per_cent);

} // namespace proxip::bench
