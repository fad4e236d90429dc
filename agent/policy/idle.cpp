#include "policy/idle.hpp"

namespace proxip::policy {

namespace {

constexpr Millis agents_turn{10'000}; // it looks every two seconds

} // namespace

Millis idle_timeout(const Service& service, abi::abi_conn_state state) {
    switch (state) {
    case abi::ABI_SYN: return service.idle_timeout.syn;
    case abi::ABI_ESTABLISHED: return service.idle_timeout.established;
    case abi::ABI_CLOSING: return service.idle_timeout.closing;
    case abi::ABI_CLOSED: return service.idle_timeout.closed;
    case abi::ABI_UDP: return service.idle_timeout.udp;
    default: return Millis{0};
    }
}

bool agent_ends_idle(const Service& service, abi::abi_conn_state state) {
    return service.on_idle == OnIdle::reset && (state == abi::ABI_ESTABLISHED || state == abi::ABI_CLOSING);
}

Millis kernel_idle_timeout(const Service& service, abi::abi_conn_state state) {
    return idle_timeout(service, state) + (agent_ends_idle(service, state) ? agents_turn : Millis{0});
}

void set_idle_timeouts(const Service& service, abi::abi_service& out) {
    for (const auto state : {abi::ABI_SYN, abi::ABI_ESTABLISHED, abi::ABI_CLOSING, abi::ABI_CLOSED, abi::ABI_UDP}) {
        out.idle[state] = to_ticks(kernel_idle_timeout(service, state));
    }
}

} // namespace proxip::policy
