#include "net/groups.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/ndp.hpp"

namespace proxip::net {

namespace {

bool set_filter(const Descriptor& socket, int option, const Groups::Place& place) {
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(place.first);
    request.mr_type = PACKET_MR_MULTICAST;
    const Mac mac = ndp::multicast_mac(place.second);
    request.mr_alen = mac.size();
    std::ranges::copy(mac, request.mr_address);
    return ::setsockopt(socket.get(), SOL_PACKET, option, &request, sizeof(request)) == 0;
}

// 0, or the errno.
int set_group(const Descriptor& socket, int option, const Groups::Place& place) {
    ipv6_mreq request{};
    request.ipv6mr_interface = place.first;
    std::memcpy(&request.ipv6mr_multiaddr, place.second.bytes.data(), place.second.bytes.size());
    return ::setsockopt(socket.get(), IPPROTO_IPV6, option, &request, sizeof(request)) == 0 ? 0 : errno;
}

} // namespace

void Groups::join(const Place& place) {
    Membership& membership = memberships_[place];
    if (!membership.in_filter || membership.socket == nullptr) {
        try_join(place, membership);
    }
}

void Groups::keep(const std::set<Place>& wanted) {
    std::erase_if(memberships_, [&](const auto& item) {
        const bool unwanted = !wanted.contains(item.first);
        if (unwanted) {
            leave(item.first, item.second);
        }
        return unwanted;
    });
}

void Groups::renew(std::uint32_t link) {
    for (auto& [place, membership] : memberships_) {
        if (place.first == link) {
            leave(place, membership); // what is left of it on the socket would refuse it
            membership = {};
            try_join(place, membership);
        }
    }
}

void Groups::try_join(const Place& place, Membership& membership) {
    membership.in_filter = membership.in_filter || admit(place);
    if (membership.socket == nullptr) {
        membership.socket = subscribe(place);
    }
}

void Groups::leave(const Place& place, const Membership& membership) const {
    if (membership.in_filter) {
        static_cast<void>(set_filter(packet_, PACKET_DROP_MEMBERSHIP, place));
    }
    if (membership.socket != nullptr) {
        static_cast<void>(set_group(*membership.socket, IPV6_LEAVE_GROUP, place));
    }
}

bool Groups::admit(const Place& place) {
    if (!packet_) {
        packet_ = Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)); // protocol 0: it hears nothing
    }
    return set_filter(packet_, PACKET_ADD_MEMBERSHIP, place);
}

std::shared_ptr<Descriptor> Groups::subscribe(const Place& place) {
    for (const bool full : {false, true}) {
        if (ipv6_ == nullptr || full) {
            ipv6_ = std::make_shared<Descriptor>(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        }
        const int error = set_group(*ipv6_, IPV6_JOIN_GROUP, place);
        if (error == 0) {
            return ipv6_;
        }
        if (error != ENOMEM && error != ENOBUFS) {
            break;
        }
    }
    if (!*ipv6_) {
        ipv6_.reset(); // no IPv6 in this kernel, or no descriptor left
    }
    return nullptr;
}

} // namespace proxip::net
