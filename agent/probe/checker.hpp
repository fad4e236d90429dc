#pragma once

// Health checks as coroutines on the agent's loop. Results are facts ("connected in 0.3 ms"); whether they take a
// backend up or down is policy's (policy/health.hpp).

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "model/address.hpp"
#include "model/config.hpp"

namespace proxip::probe {

struct Target {
    std::string service;
    SocketAddress backend; // names the target together with `service`
    Check check;           // type is not `none`

    bool operator==(const Target&) const = default;
};

struct Outcome {
    bool success = false;
    std::string detail; // "connected in 0.3 ms", "HTTP 503, expected 200-399", "timed out after 1s"
    bool made = true;   // false: this host could not ask (no descriptor, no port); it says nothing of the backend
};

class Checker {
  public:
    using Report = std::function<void(const Target&, const Outcome&)>;

    [[nodiscard]] static std::unique_ptr<Checker> make(boost::asio::io_context& loop, Report report);
    virtual ~Checker() = default;

    // The whole set. A target that stays the same keeps its rhythm; a new one is checked at once, many of them spread
    // over a tenth of the interval, or so far that 4,000 begin in a second; a check under way whose target went is
    // cancelled and not reported. Interval counts from start to start, less the jitter (never more, so that a death is
    // noticed in time); never two checks of one target at a time.
    virtual void watch(std::vector<Target> targets) = 0;
};

} // namespace proxip::probe
