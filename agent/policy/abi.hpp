#pragma once

// The data plane's tables in the model's words.

#include <chrono>
#include <cstdint>
#include <cstring>

#include "bpf/abi/limits.h"
#include "bpf/abi/reasons.h"
#include "bpf/abi/tcp.h"
#include "bpf/abi/types.h"
#include "model/address.hpp"
#include "model/config.hpp"

namespace proxip::policy {

[[nodiscard]] inline abi::abi_address to_abi(const Address& address) {
    abi::abi_address out{};
    std::memcpy(&out, address.bytes.data(), sizeof out);
    return out;
}

[[nodiscard]] inline Address from_abi(const abi::abi_address& address, std::uint8_t family) {
    Address out{.family = family == abi::ABI_IPV6 ? Family::v6 : Family::v4};
    std::memcpy(out.bytes.data(), &address, sizeof address);
    return out;
}

[[nodiscard]] inline std::uint8_t to_abi(Family family) {
    return family == Family::v6 ? abi::ABI_IPV6 : abi::ABI_IPV4;
}

[[nodiscard]] inline std::uint8_t to_abi(Protocol protocol) {
    constexpr std::uint8_t ipproto_tcp = 6;
    constexpr std::uint8_t ipproto_udp = 17;
    return protocol == Protocol::tcp ? ipproto_tcp : ipproto_udp;
}

[[nodiscard]] inline Protocol protocol_from_abi(std::uint8_t protocol) {
    return protocol == to_abi(Protocol::tcp) ? Protocol::tcp : Protocol::udp;
}

[[nodiscard]] constexpr std::uint16_t swap_port(std::uint16_t port) { // host order <-> network order
    return static_cast<std::uint16_t>(port << 8 | port >> 8);
}

// Ticks of the data plane's clock, rounded up: a timeout is never shorter than asked for.
[[nodiscard]] constexpr std::uint32_t to_ticks(Millis time) {
    constexpr std::int64_t tick_ns = 1LL << abi::ABI_TICK_SHIFT;
    return static_cast<std::uint32_t>((time.count() * 1'000'000 + tick_ns - 1) / tick_ns);
}

[[nodiscard]] constexpr double tick_seconds(std::uint32_t ticks) {
    return static_cast<double>(ticks) * static_cast<double>(1LL << abi::ABI_TICK_SHIFT) / 1e9;
}

} // namespace proxip::policy
