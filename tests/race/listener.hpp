#pragma once

// Hears all the while what the NAT log would: as many connections must have ended as began and do not live.

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "bpf/abi/tcp.h"
#include "race/course.hpp"

namespace proxip::race {

class Listener {
  public:
    explicit Listener(const Course& course)
        : course_(course), thread_([this](const std::stop_token& stop) {
              while (!stop.stop_requested()) {
                  listen();
                  std::this_thread::sleep_for(std::chrono::milliseconds(2));
              }
          }) {}

    // When no packet is on its way. "": sound.
    std::string fault() {
        thread_.request_stop();
        if (thread_.joinable()) {
            thread_.join();
        }
        listen();
        std::uint64_t live = 0;
        course_.plane().each_connection([&](const dataplane::Connection& connection) {
            live += connection.proxy && abi::abi_is_live(connection.state) != 0 ? 1 : 0;
            return true;
        });
        const auto lost = course_.plane().nat_events_lost();
        fmt::print("  NAT events: {} began, {} ended, {} lost; {} live\n", opened_, closed_, lost, live);
        return lost > 0 || opened_ - closed_ == live
                   ? std::string()
                   : fmt::format("{} connections with a Proxy IP live; by what was told, {}", live,
                                 static_cast<std::int64_t>(opened_ - closed_));
    }

  private:
    void listen() {
        course_.plane().read_nat_events(
            [this](const dataplane::NatEvent& event) { ++(event.opened ? opened_ : closed_); });
    }

    const Course& course_;
    std::uint64_t opened_ = 0;
    std::uint64_t closed_ = 0;
    std::jthread thread_; // the last to come, the first to go
};

} // namespace proxip::race
