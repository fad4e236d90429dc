#include "dataplane/endings.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include <bpf/bpf.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include "dataplane/readings.hpp"

namespace proxip::dataplane {

namespace {

// It only sends: protocol 0 receives nothing.
Descriptor open_wire() {
    Descriptor wire(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!wire) {
        spdlog::warn("connections are ended without telling their ends: no packet socket: {}",
                     std::strerror(errno)); // NOLINT(concurrency-mt-unsafe)
    }
    return wire;
}

} // namespace

std::size_t Endings::end(const std::function<bool(const Connection&)>& which) {
    std::size_t count = 0;
    read_slots(*tables_, [&](std::uint32_t index, const abi::abi_slot& slot, const Connection& connection) {
        if (which(connection)) {
            waiting_.push_back({.slot = index, .generation = slot.state.generation});
            ++count;
        }
        return true;
    });
    go_on();
    return count;
}

bool Endings::go_on() {
    while (!waiting_.empty() && carry(waiting_.front())) {
        waiting_.pop_front();
    }
    return !waiting_.empty();
}

void Endings::await(std::chrono::milliseconds patience) const {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds pause{1};
    abi::abi_order next{};
    for (const auto end = Clock::now() + patience; Clock::now() < end;) {
        if (bpf_map_lookup_elem(tables_->orders, nullptr, &next) != 0) {
            return;
        }
        std::this_thread::sleep_for(pause);
    }
}

// False: no room, later.
bool Endings::carry(const abi::abi_order& order) {
    const auto slot = read_slot(*tables_, order.slot);
    if (!slot || slot->state.generation != order.generation) {
        return true; // it ended by itself
    }
    if (bpf_map_update_elem(tables_->orders, nullptr, &order, BPF_ANY) != 0) {
        return false;
    }
    if (abi::abi_is_live(slot->state.state) != 0 && slot->protocol == IPPROTO_TCP) {
        tell_both(*slot);
    }
    return true;
}

// As each end sees it: from the VIP to the client, from the Proxy IP to the backend (RFC 5961 section 3: only a RST at
// the very byte that the receiver waits for is taken).
void Endings::tell_both(const abi::abi_slot& slot) {
    const auto connection = connection_of(*tables_, slot);
    if (!connection) {
        return;
    }
    tell({.protocol = Protocol::tcp, .from = connection->vip, .to = connection->client, .from_mac = {}, .to_mac = {}},
         slot.client_hop, slot.acked_be[abi::ABI_ORIGINAL]);
    tell({.protocol = Protocol::tcp,
          .from = connection->proxy.value_or(connection->client),
          .to = connection->backend,
          .from_mac = {},
          .to_mac = {}},
         tables_->endpoints[slot.endpoint].hop, slot.acked_be[abi::ABI_REPLY]);
}

void Endings::tell(const Ends& ends, const abi::abi_hop& hop, std::uint32_t sequence_be) {
    if (sequence_be == 0 || hop.iface == 0 || hop.iface >= tables_->ifaces.size()) {
        return;
    }
    if (!wire_) {
        wire_ = open_wire();
    }
    const auto& iface = tables_->ifaces[hop.iface];
    Ends placed = ends;
    std::ranges::copy(iface.mac, placed.from_mac.begin());
    std::ranges::copy(hop.mac, placed.to_mac.begin());
    const Bytes frame = reset_frame(placed, sequence_be);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(iface.ifindex);
    // Lost like any packet when the queue is full: the end learns it with its next packet.
    (void)::sendto(wire_.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

} // namespace proxip::dataplane
