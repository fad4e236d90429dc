#pragma once

// rtnetlink messages as this room's types. None: the message is not of that kind, or not one that is asked for. Only
// for this room.

#include <optional>
#include <vector>

#include <linux/netlink.h>

#include "net/netlink.hpp"

namespace proxip::net {

[[nodiscard]] std::optional<Link> decode_link(nlmsghdr& header);
[[nodiscard]] std::vector<Connected>
decode_connected(nlmsghdr& header); // several: one for each hop of a multipath route
[[nodiscard]] std::optional<Address> decode_address(nlmsghdr& header);
[[nodiscard]] std::optional<Assigned> decode_assigned(nlmsghdr& header);
[[nodiscard]] std::optional<Neighbour> decode_neighbour(nlmsghdr& header);
[[nodiscard]] bool is_permanent_neighbour(nlmsghdr& header);

struct DecodedRoute {
    Route route;
    int type = 0; // RTN_UNICAST, RTN_LOCAL, ...
};
[[nodiscard]] std::optional<DecodedRoute> decode_route(nlmsghdr& header);

} // namespace proxip::net
