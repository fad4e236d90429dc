#include "dataplane/nat_events.hpp"

#include <cerrno>
#include <cstring>

#include <bpf/libbpf.h>

namespace proxip::dataplane {

namespace {

// A data plane that tells without a pause must not keep the agent from everything else.
constexpr std::size_t most_at_once = 1 << 16;

} // namespace

void NatEvents::Deleter::operator()(ring_buffer* buffer) const {
    ring_buffer__free(buffer);
}

Result<std::unique_ptr<NatEvents>> NatEvents::open(const KernelTables& tables) {
    std::unique_ptr<NatEvents> out(new NatEvents(tables));
    out->buffer_.reset(ring_buffer__new(tables.nat_events, take, out.get(), nullptr));
    if (!out->buffer_) {
        return fail_errno("cannot map the buffer of NAT events", errno);
    }
    return out;
}

int NatEvents::take(void* context, void* data, std::size_t size) {
    auto& self = *static_cast<NatEvents*>(context);
    abi::abi_nat_event event{};
    if (size >= sizeof event) {
        std::memcpy(&event, data, sizeof event);
        if (auto one = self.decoded(event)) {
            self.waiting_.push_back(std::move(*one));
        }
    }
    return ++self.taken_ < most_at_once ? 0 : -ECANCELED;
}

void NatEvents::consume() {
    taken_ = 0;
    (void)ring_buffer__consume(buffer_.get()); // its only error is take()'s own
}

void NatEvents::read(const std::function<void(const NatEvent&)>& visit) {
    consume();
    for (; !waiting_.empty(); waiting_.pop_front()) {
        visit(waiting_.front());
    }
}

void NatEvents::keep_what_waits() {
    consume();
}

std::optional<NatEvent> NatEvents::decoded(const abi::abi_nat_event& event) const {
    if (event.service >= tables_->vips.size() || event.endpoint >= tables_->endpoints.size() ||
        event.proxy >= tables_->proxies.size()) {
        return std::nullopt;
    }
    const auto of = [&](const abi::abi_address& address, std::uint16_t port_be) {
        return SocketAddress{policy::from_abi(address, event.family), policy::swap_port(port_be)};
    };
    return NatEvent{.opened = event.kind == abi::ABI_NAT_OPENED,
                    .since_ns = event.since_ns,
                    .at_ns = event.at_ns,
                    .protocol = policy::protocol_from_abi(event.protocol),
                    .client = of(event.client, event.client_port_be),
                    .vip = of(tables_->vips[event.service].address, event.vip_port_be),
                    .proxy = of(tables_->proxies[event.proxy].address, event.proxy_port_be),
                    .backend = of(tables_->endpoints[event.endpoint].address, event.backend_port_be),
                    .service = event.service};
}

std::uint64_t NatEvents::lost() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t value :
         read_per_cpu<std::uint64_t>(tables_->counters, abi::ABI_NAT_EVENTS_LOST, tables_->cpus)) {
        sum += value;
    }
    return sum;
}

} // namespace proxip::dataplane
