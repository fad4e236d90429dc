#pragma once

// The neighbourhood as doctor looks at it, at one moment.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/config.hpp"
#include "net/netlink.hpp"
#include "policy/identities.hpp"

namespace proxip::app {

struct Survey {
    struct Interface { // named by the configuration, or a way out to a backend
        std::string name;
        std::optional<net::Link> link; // none: there is no such interface
        bool named = false;
        XdpMode asked = XdpMode::automatic;
        std::optional<XdpMode> mode; // attached in that mode
        std::string trouble;         // why it is not attached
    };
    struct Way { // to an endpoint
        std::string link;
        Address next;
        bool known = false;
        bool answers = false;
        std::string no_route; // "" when there is one
    };
    struct Own { // a VIP or a Proxy IP
        Address address;
        bool vip = false;
        std::optional<net::Mac> owner;
        std::string owner_link;
        std::optional<net::Assigned> assigned; // to this host
        bool routed_local = false;
    };
    std::vector<Interface> interfaces;
    std::map<std::string, std::vector<std::string>> vlans; // by the interface that they are on
    std::map<policy::EndpointKey, Way> ways;
    std::vector<Own> own;
};

} // namespace proxip::app
