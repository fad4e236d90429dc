#pragma once

// What happens, told once: to the log, and to whoever follows (lbctl monitor). Belongs to the loop's one thread.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <spdlog/common.h>

#include "api/stream.hpp"

namespace proxip::app {

class Events {
  public:
    using Level = spdlog::level::level_enum;

    // Its time, generation and caller are filled in here. Level `off`: it is in no log.
    void publish(Level level, api::Event event);

    // A reader of these types (none: of all), to whom the last `last` of them are told first. It is a reader for as
    // long as it is held.
    [[nodiscard]] std::shared_ptr<api::Backlog> follow(const api::MonitorRequest& request);

    void number_by(std::function<std::uint64_t()> generation) { generation_ = std::move(generation); }

    // While this lives, what is published was asked for by `caller`.
    class OnBehalf {
      public:
        OnBehalf(Events& events, std::string caller) : events_(events) { events_.caller_ = std::move(caller); }
        ~OnBehalf() { events_.caller_.clear(); }
        OnBehalf(const OnBehalf&) = delete;
        OnBehalf& operator=(const OnBehalf&) = delete;

      private:
        Events& events_;
    };

  private:
    struct Told {
        std::string type;
        std::string body;
    };
    struct Reader {
        std::weak_ptr<api::Backlog> backlog;
        std::vector<std::string> types;
    };

    std::function<std::uint64_t()> generation_;
    std::string caller_;
    std::deque<Told> told_; // the last ones
    std::vector<Reader> readers_;
};

// RFC 3339 in UTC, with milliseconds.
[[nodiscard]] std::string time_text(std::chrono::system_clock::time_point time);

} // namespace proxip::app
