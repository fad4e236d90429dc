#include "net/decode.hpp"

#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <linux/if.h>

#include "net/attributes.hpp"

namespace proxip::net {

namespace {

constexpr unsigned usable_states = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

// RTA_VIA: a gateway of another family than the route's (RFC 5549).
std::optional<Address> via_address(nlattr* attribute) {
    if (attribute == nullptr || nla_len(attribute) < static_cast<int>(sizeof(rtvia))) {
        return std::nullopt;
    }
    const auto* via = static_cast<const rtvia*>(nla_data(attribute));
    const auto length = static_cast<std::size_t>(nla_len(attribute)) - sizeof(rtvia);
    Address address{.family = via->rtvia_family == AF_INET ? Family::v4 : Family::v6};
    if (length != static_cast<std::size_t>(address.bits()) / 8) {
        return std::nullopt;
    }
    const auto* bytes = static_cast<const std::uint8_t*>(nla_data(attribute)) + sizeof(rtvia);
    std::copy_n(bytes, length, address.bytes.begin());
    return address;
}

std::optional<Address> gateway_of(const Attributes<RTA_MAX>& attributes, int family) {
    if (auto gateway = attributes.address(RTA_GATEWAY, family)) {
        return gateway;
    }
    return via_address(attributes.find(RTA_VIA));
}

std::vector<std::uint32_t> on_link_hops(nlattr* multipath) {
    std::vector<std::uint32_t> links;
    auto* hop = static_cast<rtnexthop*>(nla_data(multipath));
    int left = nla_len(multipath);
    // The macro reads the hop before it looks at how much is left.
    while (left >= static_cast<int>(sizeof(rtnexthop)) && RTNH_OK(hop, left)) {
        const int bytes = hop->rtnh_len - static_cast<int>(sizeof(rtnexthop));
        const Attributes<RTA_MAX> attributes(reinterpret_cast<nlattr*>(RTNH_DATA(hop)), bytes);
        if (attributes.find(RTA_GATEWAY) == nullptr && attributes.find(RTA_VIA) == nullptr) {
            links.push_back(static_cast<std::uint32_t>(hop->rtnh_ifindex));
        }
        left -= RTNH_ALIGN(hop->rtnh_len);
        hop = RTNH_NEXT(hop);
    }
    return links;
}

} // namespace

std::optional<Link> decode_link(nlmsghdr& header) {
    const auto* info = body_of<ifinfomsg>(header);
    if (header.nlmsg_type != RTM_NEWLINK || info == nullptr) {
        return std::nullopt;
    }
    const Attributes<IFLA_MAX> attributes(header, sizeof(ifinfomsg));
    Link link{.index = static_cast<std::uint32_t>(info->ifi_index),
              .name = attributes.text(IFLA_IFNAME),
              .kind = {},
              .mac = attributes.value<Mac>(IFLA_ADDRESS).value_or(Mac{}),
              .mtu = attributes.value<std::uint32_t>(IFLA_MTU).value_or(0),
              .up = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_LOWER_UP) != 0,
              .ethernet = info->ifi_type == ARPHRD_ETHER,
              .parent = attributes.value<std::uint32_t>(IFLA_LINK).value_or(0)};
    if (nlattr* nested = attributes.find(IFLA_LINKINFO)) {
        link.kind = Attributes<IFLA_INFO_MAX>(nested).text(IFLA_INFO_KIND);
    }
    return link;
}

std::vector<Connected> decode_connected(nlmsghdr& header) {
    const auto* info = body_of<rtmsg>(header);
    if (header.nlmsg_type != RTM_NEWROUTE || info == nullptr || info->rtm_type != RTN_UNICAST ||
        (info->rtm_flags & RTM_F_CLONED) != 0) {
        return {};
    }
    const Attributes<RTA_MAX> attributes(header, sizeof(rtmsg));
    if (attributes.value<std::uint32_t>(RTA_TABLE).value_or(info->rtm_table) != RT_TABLE_MAIN) {
        return {};
    }
    std::vector<std::uint32_t> links;
    if (nlattr* multipath = attributes.find(RTA_MULTIPATH)) {
        links = on_link_hops(multipath);
    } else if (const auto link = attributes.value<std::uint32_t>(RTA_OIF);
               link && !gateway_of(attributes, info->rtm_family)) {
        links.push_back(*link);
    }
    const Address any{.family = info->rtm_family == AF_INET ? Family::v4 : Family::v6};
    const Prefix prefix{.base = attributes.address(RTA_DST, info->rtm_family).value_or(any),
                        .length = info->rtm_dst_len};
    std::vector<Connected> result;
    result.reserve(links.size());
    for (const std::uint32_t link : links) {
        result.push_back({.link = link, .prefix = prefix, .source = attributes.address(RTA_PREFSRC, info->rtm_family)});
    }
    return result;
}

std::optional<Address> decode_address(nlmsghdr& header) {
    const auto* info = body_of<ifaddrmsg>(header);
    if (header.nlmsg_type != RTM_NEWADDR || info == nullptr) {
        return std::nullopt;
    }
    const Attributes<IFA_MAX> attributes(header, sizeof(ifaddrmsg));
    // With a peer, IFA_ADDRESS is the peer's and IFA_LOCAL the host's own; IPv6 without one has only IFA_ADDRESS.
    const auto local = attributes.address(IFA_LOCAL, info->ifa_family);
    return local ? local : attributes.address(IFA_ADDRESS, info->ifa_family);
}

std::optional<Assigned> decode_assigned(nlmsghdr& header) {
    const auto address = decode_address(header);
    const auto* info = body_of<ifaddrmsg>(header);
    if (!address || info == nullptr) {
        return std::nullopt;
    }
    return Assigned{.link = info->ifa_index, .address = *address, .prefix_length = info->ifa_prefixlen};
}

std::optional<Neighbour> decode_neighbour(nlmsghdr& header) {
    const auto* info = body_of<ndmsg>(header);
    if (header.nlmsg_type != RTM_NEWNEIGH || info == nullptr) {
        return std::nullopt;
    }
    const auto mac = Attributes<NDA_MAX>(header, sizeof(ndmsg)).value<Mac>(NDA_LLADDR);
    return Neighbour{.mac = mac.value_or(Mac{}), .valid = mac.has_value() && (info->ndm_state & usable_states) != 0};
}

bool is_permanent_neighbour(nlmsghdr& header) {
    const auto* info = body_of<ndmsg>(header);
    return header.nlmsg_type == RTM_NEWNEIGH && info != nullptr && (info->ndm_state & NUD_PERMANENT) != 0;
}

std::optional<DecodedRoute> decode_route(nlmsghdr& header) {
    const auto* info = body_of<rtmsg>(header);
    if (header.nlmsg_type != RTM_NEWROUTE || info == nullptr) {
        return std::nullopt;
    }
    const Attributes<RTA_MAX> attributes(header, sizeof(rtmsg));
    return DecodedRoute{.route = {.link = attributes.value<std::uint32_t>(RTA_OIF).value_or(0),
                                  .gateway = gateway_of(attributes, info->rtm_family)},
                        .type = info->rtm_type};
}

} // namespace proxip::net
