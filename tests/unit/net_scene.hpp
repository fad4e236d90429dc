#pragma once

// A near end that claims addresses of one family, and a far end that listens to it.

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "net/announce.hpp"
#include "net/statement.hpp"
#include "net/wire.hpp"
#include "net_namespace.hpp"

namespace proxip::net::test {

inline constexpr Mac near_mac{0x02, 0, 0, 0, 0, 0x01};
inline constexpr Mac far_mac{0x02, 0, 0, 0, 0, 0x02};

struct Scene {
    Family family;
    Pair pair;
    boost::asio::io_context loop;
    std::vector<Decision> decisions;
    std::vector<Statement> heard; // at the far end; without what the hosts say of their link-local addresses
    std::shared_ptr<Wire> far_wire;
    std::unique_ptr<Announcer> announcer;

    explicit Scene(Family of, Announcer::Timing timing = {.between_probes = std::chrono::milliseconds(20),
                                                          .second_announcement = std::chrono::milliseconds(50),
                                                          .retry = std::chrono::milliseconds(200)})
        : family(of) {
        const Inside far(pair.far);
        far_wire = Wire::open(loop, index_of(pair.far, "far"), family, [this](std::span<const std::uint8_t> frame) {
                       if (const auto said = read_statement(family, frame); said && said->address.is_unicast()) {
                           heard.push_back(*said);
                       }
                   }).value();
        const Inside near(pair.near);
        announcer =
            Announcer::start(
                loop,
                [this](std::span<const Decision> more) { decisions.insert(decisions.end(), more.begin(), more.end()); },
                timing)
                .value();
    }

    [[nodiscard]] static std::uint32_t index_of(const Namespace& there, std::string_view name) {
        const Inside inside(there);
        return Netlink::open().value()->link(name).value().value().index;
    }

    [[nodiscard]] Address address() const {
        return Address::parse(family == Family::v4 ? "10.1.0.80" : "2001:db8::80").value();
    }
    [[nodiscard]] Claim vip(std::string_view link = "near") const {
        return {.link = index_of(pair.near, link), .mac = near_mac, .address = address()};
    }

    // The loop runs where the sockets of the announcer are to be opened.
    template <typename Done>
    [[nodiscard]] bool until(const Done& done, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
        const Inside inside(pair.near);
        return run_until(loop, done, limit);
    }
    [[nodiscard]] bool decided(std::size_t count) {
        return until([this, count] { return decisions.size() >= count; });
    }
    [[nodiscard]] std::ptrdiff_t probes() const { return std::ranges::count(heard, true, &Statement::probe); }
    [[nodiscard]] std::ptrdiff_t announcements() const { return std::ranges::count(heard, false, &Statement::probe); }
};

} // namespace proxip::net::test
