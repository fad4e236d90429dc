#pragma once

// Telling the neighbours where an address is: a probe that nobody else has it, then an announcement. For IPv4 that is
// ARP (RFC 5227 sections 2.1 and 2.3), for IPv6 neighbour discovery: a solicitation from the unspecified address (RFC
// 4862 section 5.4.2) and an unsolicited advertisement (RFC 4861 section 7.2.6). As long as an IPv6 address is claimed,
// its solicited-node group is joined on that link (groups.hpp says what holds it). The data plane itself answers for
// the address; nothing here configures the host.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "model/address.hpp"
#include "model/result.hpp"
#include "net/netlink.hpp"

namespace proxip::net {

struct Claim {
    std::uint32_t link = 0;
    Mac mac{};
    Address address;

    auto operator<=>(const Claim&) const = default;
};

struct Decision {
    Claim claim;
    std::optional<Mac> owner; // empty: nobody answered, the address is ours
};

class Announcer {
  public:
    // An address that is ours is announced when this has returned, so that it can be answered for by then. One that
    // somebody else has is probed again every `retry` until it is free. Called on the loop, never from within claim()
    // or announce(); for every new claim once it is known, those that are known at one time together, and again when it
    // changes. A claim on a link without Ethernet needs no question and is decided with no owner; one that must be
    // asked for on a link that is down or gone stays undecided until it is back.
    // An address that is ours is defended against a later taker (RFC 5227 section 2.4 c), not given up. It may call
    // claim(), but not end the announcer.
    using Decided = std::function<void(std::span<const Decision>)>;

    struct Timing {
        std::chrono::milliseconds between_probes{66}; // three of them, then as long again for the last answer
        std::chrono::milliseconds second_announcement{1'000};
        std::chrono::milliseconds retry{10'000};
    };

    // Three probes in about 0.2 s per claim, all claims at once (12,800 frames a second at most), two announcements.
    // Refused without CAP_NET_RAW.
    [[nodiscard]] static Result<std::unique_ptr<Announcer>> start(boost::asio::io_context& loop, Decided decided,
                                                                  Timing timing);
    [[nodiscard]] static Result<std::unique_ptr<Announcer>> start(boost::asio::io_context& loop, Decided decided);
    virtual ~Announcer() = default;

    // The whole set of what should be claimed: new ones are probed and announced, those no longer there are forgotten,
    // the others are left alone. With `known`, the new ones are announced without a probe (they were ours before a
    // restart); so is one that is ours already, and whose link has another MAC now.
    virtual void claim(std::vector<Claim> wanted, bool known) = 0;
    // All again, without a probe, their groups joined anew: after a link came back or changed its MAC.
    virtual void announce(std::uint32_t link) = 0;
};

} // namespace proxip::net
