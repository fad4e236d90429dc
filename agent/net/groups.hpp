#pragma once

// Memberships in multicast groups of IPv6 on links: in the solicited-node groups of addresses that are not the host's
// (RFC 4291 section 2.7.1), so that neighbour solicitations for them come here. Two things keep them away otherwise,
// and each is told on a socket of its own: the NIC's filter, by a packet socket (PACKET_ADD_MEMBERSHIP, packet(7)),
// which works where IPv6 is off, too; and switches that snoop MLD (RFC 4541), by IPv6 sockets (IPV6_JOIN_GROUP, RFC
// 3493 section 5.2), for which the kernel sends the reports, again ones after the link lost its carrier.
//
// The sockets hold the memberships: they end with this object, and with the process.

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "model/address.hpp"
#include "model/descriptor.hpp"

namespace proxip::net {

class Groups {
  public:
    using Place = std::pair<std::uint32_t, Address>; // link and group

    // Nothing is done where it is joined already. What cannot be joined now (the link is gone, IPv6 is off on it) is
    // tried again the next time.
    void join(const Place& place);
    void keep(const std::set<Place>& wanted); // leaves the others
    // Joins those of this link once more: the kernel forgets them when the link goes, or IPv6 on it does with an MTU
    // below 1280.
    void renew(std::uint32_t link);

  private:
    struct Membership {
        bool in_filter = false;
        std::shared_ptr<Descriptor> socket; // the IPv6 socket that holds it; closed with its last one
    };

    void try_join(const Place& place, Membership& membership);
    void leave(const Place& place, const Membership& membership) const;
    [[nodiscard]] bool admit(const Place& place);
    [[nodiscard]] std::shared_ptr<Descriptor> subscribe(const Place& place);

    Descriptor packet_;
    std::shared_ptr<Descriptor> ipv6_; // takes the next ones, until its memory is used up (net.core.optmem_max)
    std::map<Place, Membership> memberships_;
};

} // namespace proxip::net
