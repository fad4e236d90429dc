#pragma once

// Random packets of a few connections, as fast as one CPU can run them through the program.

#include <array>
#include <cstdint>
#include <random>

#include "race/course.hpp"

namespace proxip::race {

// One frame at a time, patched in place.
class Shooter {
  public:
    explicit Shooter(const Course& course);

    // Client packets are of client number 0, 1, 2 ...; backend packets to a proxy port.
    std::uint32_t client(std::uint32_t number, std::uint16_t vip_port, std::uint8_t tcp_flags); // the verdict: XDP_*
    std::uint32_t backend(std::uint16_t proxy_port, std::uint8_t tcp_flags);
    std::uint32_t bare_backend(std::uint32_t number, std::uint8_t tcp_flags);
    std::uint32_t backend_datagram(std::uint16_t proxy_port);

  private:
    std::uint32_t shoot();

    int program_;
    std::uint32_t interface_;
    bool live_; // see shoot()
    std::array<std::uint8_t, 54> frame_{};
};

// `steps` random packets, each seed another sequence.
void run_at_random(Shooter& shooter, const Course& course, std::mt19937& random, std::uint32_t steps);

} // namespace proxip::race
