#include "app/neighbourhood.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "dataplane/redirect_capability.hpp"

namespace proxip::app {

namespace {

XdpMode mode_of(const AgentConfig& agent, const Interface& interface) {
    return interface.xdp_mode.value_or(agent.xdp_mode);
}

// In a way that its neighbours, or the kernel, may have forgotten our addresses.
bool came_back(const net::Link& before, const net::Link& now) {
    constexpr std::uint32_t least_for_ipv6 = 1280; // with less the kernel drops all that it has of IPv6 on a link
    return before.mac != now.mac || (!before.up && now.up) ||
           (before.mtu < least_for_ipv6 && now.mtu >= least_for_ipv6);
}

} // namespace

Result<std::unique_ptr<Neighbourhood>> Neighbourhood::start(boost::asio::io_context& loop,
                                                            dataplane::Dataplane& dataplane, Events& events) {
    auto netlink = net::Netlink::open();
    if (!netlink) {
        return std::unexpected(netlink.error());
    }
    std::unique_ptr<Neighbourhood> out(new Neighbourhood(loop, dataplane, events, std::move(*netlink)));
    auto announcer = net::Announcer::start(
        loop, [self = out.get()](std::span<const net::Decision> decisions) { self->decided(decisions); });
    if (!announcer) {
        return std::unexpected(announcer.error());
    }
    out->announcer_ = std::move(*announcer);
    out->read_links();
    return out;
}

// ---- interfaces
// ---------------------------------------------------------------------------------------------------------

void Neighbourhood::read_links() {
    if (auto links = netlink_->links()) {
        links_.clear();
        for (net::Link& link : *links) {
            links_.emplace(link.index, std::move(link));
        }
    }
    if (auto connected = netlink_->connected()) {
        connected_ = std::move(*connected);
    }
    if (auto addresses = netlink_->addresses()) {
        host_addresses_ = {addresses->begin(), addresses->end()};
    }
}

void Neighbourhood::learn_link(const net::Link& link) {
    const auto driver = dataplane::driver_of(link.index);
    const dataplane::Link known{.index = link.index,
                                .mac = link.mac,
                                .mtu = link.mtu,
                                .ethernet = link.ethernet,
                                .partial_checksums = !driver || dataplane::may_have_partial_checksums(*driver)};
    if (auto done = dataplane_.set_link(known); !done) {
        spdlog::error("{}: {}", link.name, done.error().text());
        return;
    }
    if (used_links_.insert(link.index).second) {
        dataplane_.probe_redirect(link.index);
    }
}

Result<std::uint32_t> Neighbourhood::link_named(const std::string& name) const {
    for (const auto& [index, link] : links_) {
        if (link.name == name) {
            return index;
        }
    }
    return fail(ErrorCode::refused, fmt::format("there is no interface \"{}\"", name));
}

std::string Neighbourhood::link_name(std::uint32_t index) const {
    auto link = links_.find(index);
    return link == links_.end() ? fmt::format("#{}", index) : link->second.name;
}

Result<std::uint32_t> Neighbourhood::link_towards(const Address& address) const {
    auto route = netlink_->route(address);
    if (!route) {
        return std::unexpected(route.error());
    }
    return route->link;
}

Result<void> Neighbourhood::attach_one(const AgentConfig& agent, const Interface& interface) {
    auto index = link_named(interface.name);
    if (!index) {
        return std::unexpected(std::move(index.error()).within("agent.interfaces"));
    }
    const net::Link& link = links_.at(*index);
    if (!link.ethernet) {
        return fail(ErrorCode::refused,
                    fmt::format("{} has no Ethernet header; expected an interface with one", link.name),
                    "agent.interfaces");
    }
    learn_link(link);
    const auto before = attached_modes();
    auto used = dataplane_.attach(*index, mode_of(agent, interface));
    if (!used) {
        return std::unexpected(used.error());
    }
    if (auto known = before.find(*index); known == before.end() || known->second != *used) {
        tell_interface(
            interface.name, "attached",
            fmt::format("{}: attached, {} mode", interface.name, *used == XdpMode::native ? "native" : "generic"));
        dataplane_.probe_redirect(*index); // many drivers take redirected frames only while they run a program
    }
    return {};
}

Result<void> Neighbourhood::attach(const AgentConfig& agent, const AgentConfig& running) {
    read_links();
    const auto before = attached_modes();
    for (const Interface& interface : agent.interfaces) {
        auto done = attach_one(agent, interface);
        // One that was there and went away must not keep anything else from being changed.
        const bool known =
            std::ranges::any_of(running.interfaces, [&](const auto& one) { return one.name == interface.name; });
        if (!done && !(known && !link_named(interface.name))) {
            restore_modes(before);
            return done;
        }
    }
    return {};
}

std::map<std::uint32_t, XdpMode> Neighbourhood::attached_modes() const {
    std::map<std::uint32_t, XdpMode> out;
    for (const auto& attachment : dataplane_.attachments()) {
        out.emplace(attachment.index, attachment.mode);
    }
    return out;
}

void Neighbourhood::restore_modes(const std::map<std::uint32_t, XdpMode>& modes) {
    for (const auto& [index, mode] : attached_modes()) {
        if (!modes.contains(index)) {
            dataplane_.detach(index);
        }
    }
    for (const auto& [index, mode] : modes) {
        if (auto again = dataplane_.attach(index, mode); !again) {
            spdlog::error("{}", again.error().text());
        }
    }
}

void Neighbourhood::detach_others(const AgentConfig& agent) {
    for (const auto& attachment : dataplane_.attachments()) {
        const std::string name = link_name(attachment.index);
        const bool named =
            std::ranges::any_of(agent.interfaces, [&](const auto& wanted) { return wanted.name == name; });
        if (!named) {
            dataplane_.detach(attachment.index);
            tell_interface(name, "detached", fmt::format("{}: detached", name));
        }
    }
}

// ---- next hops
// ----------------------------------------------------------------------------------------------------------

void Neighbourhood::follow(const Config& config, const policy::Identities& ids, bool ours_already) {
    const bool other_networks = config.agent.inline_networks != config_.agent.inline_networks;
    config_ = config;
    endpoints_ = ids.endpoints.all();
    std::erase_if(targets_, [&](const auto& entry) { return !endpoints_.contains(entry.first); });
    // Those that were known are kept right by refresh(): a change must not ask the kernel for each of ten thousand.
    Look look;
    awaited_.clear();
    for (const auto& [key, id] : endpoints_) {
        const auto [target, added] = targets_.try_emplace(key);
        if (added || other_networks) {
            resolve(key, target->second, look);
        }
        if (added && target->second.link != 0 && !target->second.path.hop) {
            awaited_.push_back(key);
        }
        dataplane_.set_path(id, target->second.path);
    }
    departing_vips_.merge(std::exchange(vips_, {}));
    proxies_.clear();
    for (const Service& service : config.services) {
        vips_.insert(service.address.address);
        departing_vips_.erase(service.address.address);
    }
    for (const ProxyPool& pool : config.pools) {
        const auto addresses = pool.each_address();
        proxies_.insert(addresses.begin(), addresses.end());
    }
    for (const auto& [address, id] : ids.proxies.all()) { // those that were removed, as long as connections have them
        proxies_.insert(address);
    }
    claim(ours_already);
    publish_locals();
}

// Does the answer of this backend come back here by itself? Then, how long is the prefix of its own segment?
std::optional<int> Neighbourhood::inline_prefix(const Address& backend) const {
    std::optional<int> network;
    for (const Prefix& prefix : config_.agent.inline_networks) {
        if (prefix.contains(backend)) {
            network = std::max(network.value_or(0), prefix.length);
        }
    }
    if (!network) {
        return std::nullopt;
    }
    for (const net::Connected& segment : connected_) {
        if (segment.prefix.contains(backend) && segment.prefix.length > 0) {
            return segment.prefix.length;
        }
    }
    return network;
}

// Where it is not known, the kernel is asked to find it out.
std::optional<net::Mac> Neighbourhood::mac_of(std::uint32_t link, const Address& next, Look& look) {
    const auto [known, first] = look.neighbours.try_emplace({link, next});
    if (first) {
        const auto neighbour = netlink_->neighbour(link, next);
        if (neighbour && *neighbour && (*neighbour)->valid) {
            known->second = (*neighbour)->mac;
        } else {
            (void)netlink_->resolve(link, next);
        }
    }
    return known->second;
}

void Neighbourhood::resolve(const policy::EndpointKey& key, Target& target, Look& look) {
    find_way(key, target, look);
    if (target.reachable) {
        target.lost.reset();
    } else if (!target.lost) {
        target.lost = std::chrono::steady_clock::now();
    }
}

void Neighbourhood::find_way(const policy::EndpointKey& key, Target& target, Look& look) {
    auto route = netlink_->route(key.address.address);
    if (!route) {
        target.path = {}; // not to be reached at all: better counted than sent astray
        target.reachable = false;
        target.routed = false;
        return;
    }
    target.routed = true;
    const Address next = route->gateway.value_or(key.address.address);
    const bool moved = route->link != target.link || next != target.next;
    target.link = route->link;
    target.next = next;
    target.path.inline_prefix = inline_prefix(key.address.address);
    const auto link = links_.find(route->link);
    if (link == links_.end()) {
        return;
    }
    if (look.links.insert(route->link).second) {
        learn_link(link->second);
    }
    if (!link->second.ethernet) {
        target.path.hop = dataplane::Path::Hop{.link = route->link, .mac = {}};
        target.reachable = true;
        return;
    }
    if (const auto mac = mac_of(route->link, next, look)) {
        target.path.hop = dataplane::Path::Hop{.link = route->link, .mac = *mac};
        target.reachable = true;
        return;
    }
    target.reachable = false;
    if (moved) { // what was known of the former way is of no use; on the same way the last known MAC stays
        target.path.hop.reset();
    }
}

void Neighbourhood::resolve_paths() {
    Look look;
    for (auto& [key, target] : targets_) {
        const auto before = target.path.hop;
        resolve(key, target, look);
        dataplane_.set_path(endpoints_.at(key), target.path);
        tell_hop(key, before, target);
    }
}

void Neighbourhood::settle(std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    std::set<std::pair<std::uint32_t, Address>> unknown;
    for (const policy::EndpointKey& key : awaited_) {
        const Target& target = targets_.at(key);
        unknown.emplace(target.link, target.next);
    }
    const auto found = [this](const auto& hop) {
        const auto neighbour = netlink_->neighbour(hop.first, hop.second);
        return neighbour && *neighbour && (*neighbour)->valid;
    };
    while (!unknown.empty() && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        std::erase_if(unknown, found);
    }
    Look look;
    for (const policy::EndpointKey& key : std::exchange(awaited_, {})) {
        resolve(key, targets_.at(key), look);
        dataplane_.set_path(endpoints_.at(key), targets_.at(key).path);
    }
}

void Neighbourhood::refresh() {
    const auto before = links_;
    read_links();
    for (const std::uint32_t index : std::set(used_links_)) {
        if (auto link = links_.find(index); link != links_.end()) {
            learn_link(link->second);
            if (auto old = before.find(index); old == before.end() || came_back(old->second, link->second)) {
                announcer_->announce(index);
            }
        } else {
            used_links_.erase(index);
            dataplane_.forget_link(index);
        }
    }
    for (const auto& attachment : dataplane_.attachments()) {
        if (!links_.contains(attachment.index)) {
            dataplane_.detach(attachment.index); // what is left of a hook whose interface was deleted
            const auto former = before.find(attachment.index);
            const std::string name = former == before.end() ? link_name(attachment.index) : former->second.name;
            tell_interface(name, "gone", fmt::format("{}: the interface is gone", name));
        }
    }
    attach_trouble_.clear();
    for (const Interface& interface : config_.agent.interfaces) { // one that came back is attached again
        if (link_named(interface.name)) {
            if (auto attached = attach_one(config_.agent, interface); !attached) {
                spdlog::warn("{}", attached.error().text());
                attach_trouble_.emplace(interface.name, attached.error().message);
            }
        }
    }
    resolve_paths();
    claim(false);
    publish_locals();
}

void Neighbourhood::tick() {
    for (const std::uint32_t index : used_links_) {
        const bool before = dataplane_.takes_redirects(index);
        dataplane_.probe_redirect(index);
        if (dataplane_.takes_redirects(index) != before) {
            tell_interface(
                link_name(index), before ? "tc" : "redirect",
                fmt::format("{}: packets leave by {}", link_name(index), before ? "clsact" : "XDP redirect"));
        }
    }
    std::set<std::pair<std::uint32_t, Address>> hops;
    for (const auto& [key, target] : targets_) {
        if (target.link != 0 && hops.emplace(target.link, target.next).second) {
            (void)netlink_->resolve(target.link, target.next);
        }
    }
}

// ---- addresses of ours
// --------------------------------------------------------------------------------------------------

// An address that is on-link somewhere belongs to that interface alone; any other is answered for on all of them.
dataplane::Local Neighbourhood::local_of(const Address& address) const {
    dataplane::Local local{.vip = vips_.contains(address) || departing_vips_.contains(address),
                           .proxy = proxies_.contains(address),
                           .host = host_addresses_.contains(address),
                           .answer = answered_.contains(address)};
    int longest = 0;
    for (const net::Connected& segment : connected_) {
        if (segment.prefix.contains(address) && segment.prefix.length > longest) {
            longest = segment.prefix.length;
            local.only_link = segment.link;
        }
    }
    return local;
}

void Neighbourhood::publish_locals() {
    std::map<Address, dataplane::Local> locals;
    for (const auto* addresses : {&vips_, &proxies_, &departing_vips_}) {
        for (const Address& address : *addresses) {
            locals.emplace(address, local_of(address));
        }
    }
    if (auto done = dataplane_.set_locals(locals); !done) {
        spdlog::error("{}", done.error().text());
    }
}

void Neighbourhood::installed() {
    if (!departing_vips_.empty()) {
        departing_vips_.clear();
        publish_locals();
    }
}

void Neighbourhood::claim(bool known) {
    std::vector<net::Claim> claims;
    std::set<Address> wanted;
    for (const auto* addresses : {&vips_, &proxies_}) {
        for (const Address& address : *addresses) {
            if (!wanted.insert(address).second) {
                continue;
            }
            const auto local = local_of(address);
            if (local.host) {
                continue; // the host itself answers and announces
            }
            for (const auto& attachment : dataplane_.attachments()) {
                const auto link = links_.find(attachment.index);
                if (link != links_.end() && (local.only_link == 0 || local.only_link == attachment.index)) {
                    claims.push_back({.link = attachment.index, .mac = link->second.mac, .address = address});
                }
            }
        }
    }
    std::erase_if(answered_, [&](const Address& address) { return !wanted.contains(address); });
    std::erase_if(owners_, [&](const auto& owner) { return !wanted.contains(owner.first); });
    if (known) {
        answered_ = wanted;
    }
    announcer_->claim(std::move(claims), known);
}

void Neighbourhood::decided(std::span<const net::Decision> decisions) {
    std::ranges::for_each(decisions, [this](const net::Decision& decision) { decide(decision); });
    if (std::ranges::all_of(decisions, [](const net::Decision& decision) { return decision.owner.has_value(); })) {
        publish_soon();
    } else {
        publish_locals(); // they are announced when this returns, and whoever hears that may ask at once
    }
}

void Neighbourhood::decide(const net::Decision& decision) {
    const auto& [claim, owner] = decision;
    if (!vips_.contains(claim.address) && !proxies_.contains(claim.address)) {
        return;
    }
    tell_owner(claim, owner);
    if (owner) {
        answered_.erase(claim.address);
        owners_[claim.address] = {.mac = *owner, .link = claim.link};
    } else {
        answered_.insert(claim.address);
        owners_.erase(claim.address);
    }
}

// Conflicts are found one by one, many at a time, and what is published is all of them.
void Neighbourhood::publish_soon() {
    if (std::exchange(publish_waits_, true)) {
        return;
    }
    boost::asio::post(loop_, [this] {
        publish_waits_ = false;
        publish_locals();
    });
}

std::vector<Neighbourhood::LostHop> Neighbourhood::lost_hops() const {
    std::map<std::pair<std::uint32_t, Address>, LostHop> out; // one of a gateway, however many are behind it
    for (const auto& [key, target] : targets_) {
        if (!target.lost) {
            continue;
        }
        const Address& next = target.routed ? target.next : key.address.address;
        const std::uint32_t link = target.routed ? target.link : 0;
        auto [hop, first] = out.try_emplace({link, next}, LostHop{.interface = link == 0 ? "" : link_name(link),
                                                                  .next = next,
                                                                  .known = target.path.hop.has_value(),
                                                                  .since = *target.lost});
        hop->second.since = std::min(hop->second.since, *target.lost);
        ++hop->second.endpoints;
    }
    std::vector<LostHop> hops;
    hops.reserve(out.size());
    for (auto& [place, hop] : out) {
        hops.push_back(std::move(hop));
    }
    return hops;
}

std::vector<std::string> Neighbourhood::warnings() const {
    std::vector<std::string> out;
    const auto attached = attached_modes();
    for (const Interface& interface : config_.agent.interfaces) {
        const auto index = link_named(interface.name);
        if (!index || !attached.contains(*index)) {
            out.push_back(fmt::format("{} is not attached: {}", interface.name,
                                      index ? "its hook could not be taken" : "there is no such interface"));
        }
    }
    for (const auto& [address, owner] : owners_) {
        out.push_back(
            fmt::format("{} is also at {}; it is not answered for", address.text(), net::mac_text(owner.mac)));
    }
    return out;
}

} // namespace proxip::app
