#pragma once

// Connections that end before their time: by hand, with their backend, or idle where both ends are to be told. The
// agent tells the ends; the data plane's timer takes the connection away, as only it may.

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>

#include "dataplane/frame.hpp"
#include "dataplane/kernel_tables.hpp"
#include "model/descriptor.hpp"

namespace proxip::dataplane {

class Endings {
  public:
    explicit Endings(KernelTables& tables) : tables_(&tables) {}

    // Every connection that `which` picks, and a RST to both ends of each that is TCP and alive. How many.
    std::size_t end(const std::function<bool(const Connection&)>& which);
    // What did not fit into the table of orders. True while there is more.
    bool go_on();
    void await(std::chrono::milliseconds patience) const;

  private:
    [[nodiscard]] bool carry(const abi::abi_order& order);
    void tell_both(const abi::abi_slot& slot);
    void tell(const Ends& ends, const abi::abi_hop& hop, std::uint32_t sequence_be);

    KernelTables* tables_;
    std::deque<abi::abi_order> waiting_;
    Descriptor wire_;
};

} // namespace proxip::dataplane
