// What doctor asks the neighbourhood. Reads only, but asks the kernel anew for what is not kept.

#include <algorithm>

#include "app/neighbourhood.hpp"

namespace proxip::app {

namespace {

// Each costs a question to the kernel, some 5 us; beyond that the rest is taken to be well.
constexpr std::size_t most_questions = 4096;

} // namespace

std::vector<Survey::Interface> Neighbourhood::survey_interfaces() const {
    std::vector<Survey::Interface> out;
    const auto attached = attached_modes();
    std::set<std::uint32_t> seen;
    for (const Interface& interface : config_.agent.interfaces) {
        Survey::Interface one{.name = interface.name,
                              .link = std::nullopt,
                              .named = true,
                              .asked = interface.xdp_mode.value_or(config_.agent.xdp_mode),
                              .mode = std::nullopt,
                              .trouble = {}};
        if (const auto index = link_named(interface.name)) {
            seen.insert(*index);
            one.link = links_.at(*index);
            if (const auto mode = attached.find(*index); mode != attached.end()) {
                one.mode = mode->second;
            } else if (const auto trouble = attach_trouble_.find(interface.name); trouble != attach_trouble_.end()) {
                one.trouble = trouble->second;
            }
        }
        out.push_back(std::move(one));
    }
    std::set<std::uint32_t> ways;
    for (const auto& [key, target] : targets_) {
        ways.insert(target.link);
    }
    for (const std::uint32_t index : ways) {
        if (const auto link = links_.find(index); link != links_.end() && seen.insert(index).second) {
            out.push_back({.name = link->second.name,
                           .link = link->second,
                           .named = false,
                           .asked = XdpMode::automatic,
                           .mode = std::nullopt,
                           .trouble = {}});
        }
    }
    return out;
}

std::map<policy::EndpointKey, Survey::Way> Neighbourhood::survey_ways() const {
    std::map<policy::EndpointKey, Survey::Way> out;
    std::size_t questions = 0;
    for (const auto& [key, target] : targets_) {
        Survey::Way way{.link = link_name(target.link),
                        .next = target.next,
                        .known = target.path.hop.has_value(),
                        .answers = target.reachable,
                        .no_route = {}};
        if (!target.path.hop && ++questions <= most_questions) {
            if (const auto route = netlink_->route(key.address.address); !route) {
                way.no_route = route.error().message;
            }
        }
        out.emplace(key, std::move(way));
    }
    return out;
}

std::vector<Survey::Own> Neighbourhood::survey_own() const {
    std::map<Address, net::Assigned> assigned;
    if (const auto all = netlink_->assigned()) {
        for (const net::Assigned& one : *all) {
            assigned.emplace(one.address, one);
        }
    }
    std::vector<Survey::Own> out;
    for (const auto* addresses : {&vips_, &proxies_}) {
        for (const Address& address : *addresses) {
            Survey::Own own{.address = address,
                            .vip = addresses == &vips_,
                            .owner = std::nullopt,
                            .owner_link = {},
                            .assigned = std::nullopt,
                            .routed_local = false};
            if (const auto owner = owners_.find(address); owner != owners_.end()) {
                own.owner = owner->second.mac;
                own.owner_link = link_name(owner->second.link);
            }
            if (const auto host = assigned.find(address); host != assigned.end()) {
                own.assigned = host->second;
            } else if (out.size() < most_questions) {
                own.routed_local = netlink_->is_local(address).value_or(false);
            }
            out.push_back(std::move(own));
        }
    }
    return out;
}

Survey Neighbourhood::survey() const {
    Survey out{.interfaces = survey_interfaces(), .vlans = {}, .ways = survey_ways(), .own = survey_own()};
    for (const auto& [index, link] : links_) {
        if (link.kind == "vlan") {
            out.vlans[link_name(link.parent)].push_back(link.name);
        }
    }
    return out;
}

bool Neighbourhood::on_one_segment(const Address& one, const Address& other) const {
    return std::ranges::any_of(connected_, [&](const net::Connected& segment) {
        return segment.prefix.length > 0 && segment.prefix.contains(one) && segment.prefix.contains(other);
    });
}

} // namespace proxip::app
