#pragma once

// Telling the neighbours where an address is: an ARP probe that nobody else has it (RFC 5227 section 2.1), then gratuitous
// ARP (section 2.3). The data plane itself answers for the address; nothing here configures the host.

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
    // `owner` is empty when nobody answered: the address is ours and was announced. Otherwise the MAC of who has it; it is
    // probed again every `retry` until it is free.
    using Decided = std::function<void(const Claim&, std::optional<Mac> owner)>;

    // Three probes in about 0.2 s per claim, all claims at once, two announcements (the second 1 s after the first).
    [[nodiscard]] static Result<std::unique_ptr<Announcer>> start(boost::asio::io_context& loop, Decided decided);
    virtual ~Announcer() = default;

    // The whole set of what should be claimed: new ones are probed and announced, those no longer there are forgotten, the
    // others are left alone. `known` ones are announced without a probe (they were ours before a restart).
    virtual void claim(std::vector<Claim> wanted, bool known) = 0;
    // All again, without a probe: after a link came back or changed its MAC.
    virtual void announce(std::uint32_t link) = 0;
};

} // namespace proxip::net
