// What the neighbourhood has to tell.

#include <fmt/format.h>

#include "app/neighbourhood.hpp"

namespace proxip::app {

void Neighbourhood::tell_interface(const std::string& name, std::string state, std::string message) {
    events_.publish(spdlog::level::info,
                    {.type = "interface", .state = std::move(state), .message = std::move(message), .interface = name});
}

// In no log: a router that is restarted moves thousands of them.
void Neighbourhood::tell_hop(const policy::EndpointKey& key, const std::optional<dataplane::Path::Hop>& before,
                             const Target& target) {
    const auto& now = target.path.hop;
    if (before == now) {
        return;
    }
    const auto text = [this](const dataplane::Path::Hop& hop) {
        return fmt::format("{} on {}", net::mac_text(hop.mac), link_name(hop.link));
    };
    const std::string endpoint = fmt::format("{}://{}", protocol_name(key.protocol), key.address.text());
    api::Event event{.type = "next_hop",
                     .state = !now     ? "lost"
                              : before ? "moved"
                                       : "found",
                     .message = fmt::format("the way to {}: {}{}", endpoint, now ? text(*now) : "not known",
                                            before ? fmt::format(" (it was {})", text(*before)) : ""),
                     .backend = key.address.text()};
    if (now) {
        event.interface = link_name(now->link);
    }
    events_.publish(spdlog::level::off, std::move(event));
}

void Neighbourhood::tell_owner(const net::Claim& claim, const std::optional<net::Mac>& owner) {
    const auto known = owners_.find(claim.address);
    const std::string address = claim.address.text();
    if (owner) {
        events_.publish(spdlog::level::err,
                        {.type = "address",
                         .state = "taken",
                         .message = fmt::format("{} is also at {} on {}: not answered for until it is free", address,
                                                net::mac_text(*owner), link_name(claim.link)),
                         .interface = link_name(claim.link),
                         .address = address});
    } else if (known != owners_.end()) {
        events_.publish(spdlog::level::info,
                        {.type = "address",
                         .state = "ours",
                         .message = fmt::format("{} is free again on {}: answered for", address, link_name(claim.link)),
                         .interface = link_name(claim.link),
                         .address = address});
    }
}

} // namespace proxip::app
