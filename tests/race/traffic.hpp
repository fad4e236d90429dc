#pragma once

// Random packets of a few connections, as fast as one CPU can run them through the program.

#include <array>
#include <cstdint>
#include <random>

#include "race/course.hpp"

namespace proxip::race {

// A test run disables softirqs from 6.11 on. Before, the timer could interrupt the program on its own CPU, which no
// packet ever sees.
[[nodiscard]] bool test_runs_admit_softirqs();

enum class Frames : std::uint8_t {
    tested, // by a plain BPF_PROG_RUN
    live,   // as if they had arrived: in softirq on every kernel, but much slower
};

// One frame at a time, patched in place.
class Shooter {
  public:
    Shooter(const Course& course, Frames frames);

    // Client packets are of client number 0, 1, 2 ...; backend packets to a proxy port.
    std::uint32_t client(std::uint32_t number, std::uint16_t vip_port, std::uint8_t tcp_flags); // the verdict: XDP_*
    std::uint32_t backend(std::uint16_t proxy_port, std::uint8_t tcp_flags);
    std::uint32_t bare_backend(std::uint32_t number, std::uint8_t tcp_flags);
    std::uint32_t backend_datagram(std::uint16_t proxy_port);

  private:
    std::uint32_t shoot();

    int program_;
    std::uint32_t interface_;
    Frames frames_;
    std::array<std::uint8_t, 54> frame_{};
};

// `steps` random packets, each seed another sequence.
void run_at_random(Shooter& shooter, const Course& course, std::mt19937& random, std::uint32_t steps);

} // namespace proxip::race
