#pragma once

// Where the race is run: one VIP with a few proxy ports and a small table, on the loopback interface of a namespace of
// its own. Nothing is sent: frames go through BPF_PROG_RUN.

#include <chrono>
#include <cstdint>
#include <memory>

#include "dataplane/dataplane.hpp"
#include "packet/world.hpp"
#include "policy/image.hpp"

namespace proxip::race {

struct Size {
    std::uint32_t ports = 100;        // to each endpoint
    std::uint32_t connections = 1000; // that the table holds
};

inline constexpr std::uint16_t first_port = 2000;
inline constexpr std::uint16_t web_port = 80;  // tcp, with a Proxy IP
inline constexpr std::uint16_t bare_port = 81; // tcp, without one
inline constexpr std::uint16_t dns_port = 53;  // udp, with a Proxy IP
inline constexpr std::uint16_t backend_port = 8080;

class Course {
  public:
    explicit Course(Size size);

    void idle_timeouts(std::chrono::milliseconds time); // of every state, from now on
    [[nodiscard]] dataplane::Dataplane& plane() const { return *plane_; }
    [[nodiscard]] Size size() const { return size_; }
    [[nodiscard]] std::uint32_t interface() const { return interface_; }
    [[nodiscard]] int map(const char* name) const;
    [[nodiscard]] int program() const;

  private:
    void install();

    Size size_;
    std::uint32_t interface_;
    packet::BpfFolder folder_;
    Config config_;
    policy::Identities ids_;
    std::unique_ptr<dataplane::Dataplane> plane_;
};

} // namespace proxip::race
