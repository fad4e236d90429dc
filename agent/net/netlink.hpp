#pragma once

// What the kernel knows of the neighbourhood: links, addresses, routes, neighbours (libnl-route-3, rtnetlink(7)).

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "model/address.hpp"
#include "model/result.hpp"

namespace proxip::net {

using Mac = std::array<std::uint8_t, 6>;
[[nodiscard]] std::string mac_text(const Mac& mac);

struct Link {
    std::uint32_t index = 0;
    std::string name;
    std::string kind; // "veth", "bridge", "vlan", "tun", ...; "" for a physical device
    Mac mac{};
    std::uint32_t mtu = 0;
    bool up = false;          // IFF_UP and carrier
    bool ethernet = false;    // ARPHRD_ETHER: packets have a link-layer header
    std::uint32_t parent = 0; // of a VLAN or macvlan: the interface that it is on (IFLA_LINK); of a veth: its peer

    bool operator==(const Link&) const = default;
};

struct Assigned { // an address of the host
    std::uint32_t link = 0;
    Address address;
    int prefix_length = 0;
};

struct Connected { // an on-link route of the main table
    std::uint32_t link = 0;
    Prefix prefix;
    std::optional<Address> source; // the host's own address there (RTA_PREFSRC)
};

struct Route {
    std::uint32_t link = 0;
    std::optional<Address> gateway; // none: the destination is on-link
};

struct Neighbour {
    Mac mac{};
    bool valid = false; // NUD_REACHABLE, STALE, DELAY, PROBE, PERMANENT or NOARP: the MAC can be used
};

// Queries, each one request and its answer. They see the network namespace in which open() was called.
class Netlink {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Netlink>> open();
    virtual ~Netlink() = default;

    [[nodiscard]] virtual Result<std::vector<Link>> links() = 0;
    [[nodiscard]] virtual Result<std::optional<Link>> link(std::string_view name) = 0; // none: there is no such link
    [[nodiscard]] virtual Result<std::vector<Connected>> connected() = 0;
    [[nodiscard]] virtual Result<std::vector<Address>> addresses() = 0; // of the host, every interface
    [[nodiscard]] virtual Result<std::vector<Assigned>> assigned() = 0; // the same, with where and how
    // Would a packet to it be the host's own? Also by a route of type local without an address.
    [[nodiscard]] virtual Result<bool> is_local(const Address& destination) = 0;
    // The kernel's own choice (RTM_GETROUTE), policy rules included. An error when there is none, when it is not to be
    // reached
    // ("no route to host"), and when the destination is an address of this host.
    [[nodiscard]] virtual Result<Route> route(const Address& destination) = 0;
    [[nodiscard]] virtual Result<std::optional<Neighbour>> neighbour(std::uint32_t link, const Address& address) = 0;
    // Makes the kernel resolve it now, or confirm what it knows (RTM_NEWNEIGH with NTF_USE). The answer comes as an
    // event. A permanent entry is left as it is.
    [[nodiscard]] virtual Result<void> resolve(std::uint32_t link, const Address& address) = 0;
};

// Calls `changed` on the loop after links, addresses, routes or neighbours changed: once per burst, at most every
// `settle`. An overrun of the socket counts as a change of everything.
class Monitor {
  public:
    struct What {
        bool links = false;
        bool addresses = false;
        bool routes = false;
        bool neighbours = false;
    };
    using Callback = std::function<void(What)>;

    [[nodiscard]] static Result<std::unique_ptr<Monitor>> start(boost::asio::io_context& loop, Callback changed,
                                                                std::chrono::milliseconds settle);
    virtual ~Monitor() = default;
};

} // namespace proxip::net
