#pragma once

// A checker on a loop of its own, and what it reported.

#include <algorithm>
#include <chrono>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "probe/checker.hpp"

namespace proxip::probe::test {

using Clock = std::chrono::steady_clock;

inline const auto loopback = boost::asio::ip::address_v4::loopback();

[[nodiscard]] inline Target target(std::uint16_t port, Millis interval = Millis{50}, Millis timeout = Millis{1000},
                                   std::string service = "web") {
    Target made{.service = std::move(service), .backend = {.address = {}, .port = port}, .check = {}};
    made.backend.address.bytes = {127, 0, 0, 1};
    made.check.type = CheckType::tcp;
    made.check.interval = interval;
    made.check.timeout = timeout;
    return made;
}

[[nodiscard]] inline std::uint16_t closed_port(boost::asio::io_context& loop) {
    boost::asio::ip::tcp::acceptor acceptor(loop, {loopback, 0});
    return acceptor.local_endpoint().port();
}

struct Reported {
    Target target;
    Outcome outcome;
    Clock::time_point when;
};

struct Bench {
    boost::asio::io_context loop;
    std::vector<Reported> reports;
    std::unique_ptr<Checker> checker = Checker::make(loop, [this](const Target& checked, const Outcome& outcome) {
        reports.push_back({checked, outcome, Clock::now()});
    });

    template <typename Done>
    [[nodiscard]] bool until(const Done& done, Millis limit = Millis{10'000}) {
        const auto end = Clock::now() + limit;
        while (!done() && Clock::now() < end) {
            loop.restart();
            loop.run_one_until(end);
        }
        return done();
    }
    [[nodiscard]] std::size_t count(std::uint16_t port) const {
        return static_cast<std::size_t>(std::ranges::count_if(
            reports, [port](const Reported& report) { return report.target.backend.port == port; }));
    }
    [[nodiscard]] bool reported(std::uint16_t port, std::size_t times = 1) {
        return until([this, port, times] { return count(port) >= times; });
    }
    // The first answer about this one target.
    [[nodiscard]] Outcome outcome_of(const Target& asked) {
        reports.clear();
        checker->watch({asked});
        const bool done = until([this] { return !reports.empty(); });
        return done ? reports.front().outcome : Outcome{.success = false, .detail = "nothing reported", .made = false};
    }
};

} // namespace proxip::probe::test
