#pragma once

// Telling the neighbours where an address is: an ARP probe that nobody else has it (RFC 5227 section 2.1), then
// gratuitous ARP (section 2.3). The data plane itself answers for the address; nothing here configures the host.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

class Announcer {
  public:
    // `owner` is empty when nobody answered: the address is ours and was announced. Otherwise the MAC of who has it; it
    // is probed again every `retry` until it is free. Called on the loop, never from within claim() or announce(); for
    // every new claim once it is known, and again when it changes. What needs no question (a link without Ethernet,
    // IPv6 for now) is decided with no owner. A claim on a link that is down or gone stays undecided until it is back.
    // An address that is ours is defended against a later taker (RFC 5227 section 2.4 c), not given up. It may call
    // claim(), but not end the announcer.
    using Decided = std::function<void(const Claim&, std::optional<Mac> owner)>;

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
    // All again, without a probe: after a link came back or changed its MAC.
    virtual void announce(std::uint32_t link) = 0;
};

} // namespace proxip::net
