#pragma once

// Keeps the data plane's interfaces, next hops and addresses as the kernel's routing has them, and announces our
// addresses.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "app/events.hpp"
#include "app/survey.hpp"
#include "dataplane/dataplane.hpp"
#include "model/config.hpp"
#include "net/announce.hpp"
#include "net/netlink.hpp"

namespace proxip::app {

class Neighbourhood {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Neighbourhood>> start(boost::asio::io_context& loop,
                                                                      dataplane::Dataplane& dataplane, Events& events);

    // The interfaces that a configuration names, attached and known. Refused, and nothing changed, when one does not
    // exist (but for one that the running configuration names already: it is attached when it comes back) or its hook
    // is held.
    [[nodiscard]] Result<void> attach(const AgentConfig& agent, const AgentConfig& running);
    [[nodiscard]] std::map<std::uint32_t, XdpMode> attached_modes() const;
    void restore_modes(const std::map<std::uint32_t, XdpMode>& modes); // as attached_modes() had them
    // Those that are attached, but not named any more.
    void detach_others(const AgentConfig& agent);

    // Follow this configuration, and what `ids` holds of former ones for the connections that still have it.
    // `ours_already`: the addresses were ours before this agent started, so nobody is asked.
    void follow(const Config& config, const policy::Identities& ids, bool ours_already);
    // Waits a moment until the next hops of what follow() found new are known, so that a connection that comes right
    // after the command does not meet an unknown MAC.
    void settle(std::chrono::milliseconds patience);

    // The data plane has taken the configuration that is followed: addresses that only the one before had are given up.
    void installed();

    void refresh(); // after links, routes or neighbours changed
    void tick();    // from time to time: next hops confirmed, redirects probed again

    [[nodiscard]] std::vector<std::string>
    warnings() const; // "1.1.1.80 is also at 02:...", "eth1 is not attached: ..."
    // A neighbour that does not answer, or a server without a route, and whom that concerns.
    struct LostHop {
        std::string interface; // "": no route
        Address next;
        bool known = false; // its last MAC is still used
        std::chrono::steady_clock::time_point since;
        std::size_t endpoints = 0;
    };
    [[nodiscard]] std::vector<LostHop> lost_hops() const;
    [[nodiscard]] std::string link_name(std::uint32_t index) const;
    [[nodiscard]] Result<std::uint32_t> link_towards(const Address& address) const;
    [[nodiscard]] Result<std::uint32_t> link_named(const std::string& name) const;
    [[nodiscard]] Survey survey() const;
    [[nodiscard]] const std::set<std::uint32_t>& used_links() const { return used_links_; }
    // Both are on-link, by the same route.
    [[nodiscard]] bool on_one_segment(const Address& one, const Address& other) const;

  private:
    struct Target { // an endpoint and what is known of the way to it
        dataplane::Path path;
        std::uint32_t link = 0;
        Address next; // the neighbour: the backend itself, or its gateway
        bool reachable = false;
        bool routed = true;
        std::optional<std::chrono::steady_clock::time_point> lost{}; // since then it is not reachable
    };

    Neighbourhood(boost::asio::io_context& loop, dataplane::Dataplane& dataplane, Events& events,
                  std::unique_ptr<net::Netlink> netlink)
        : loop_(loop), dataplane_(dataplane), events_(events), netlink_(std::move(netlink)) {}

    // One look at the kernel, in which what many targets have in common is asked for once.
    struct Look {
        std::set<std::uint32_t> links;
        std::map<std::pair<std::uint32_t, Address>, std::optional<net::Mac>> neighbours;
    };

    [[nodiscard]] Result<void> attach_one(const AgentConfig& agent, const Interface& interface);
    void read_links();
    void tell_interface(const std::string& name, std::string state, std::string message);
    void tell_hop(const policy::EndpointKey& key, const std::optional<dataplane::Path::Hop>& before,
                  const Target& target);
    void tell_owner(const net::Claim& claim, const std::optional<net::Mac>& owner);
    void learn_link(const net::Link& link);
    void resolve_paths();
    void resolve(const policy::EndpointKey& key, Target& target, Look& look);
    void find_way(const policy::EndpointKey& key, Target& target, Look& look);
    [[nodiscard]] std::optional<net::Mac> mac_of(std::uint32_t link, const Address& next, Look& look);
    [[nodiscard]] std::optional<int> inline_prefix(const Address& backend) const;
    void publish_locals();
    void publish_soon();
    [[nodiscard]] dataplane::Local local_of(const Address& address) const;
    void claim(bool known);
    void decided(std::span<const net::Decision> decisions);
    void decide(const net::Decision& decision);
    [[nodiscard]] std::vector<Survey::Interface> survey_interfaces() const;
    [[nodiscard]] std::map<policy::EndpointKey, Survey::Way> survey_ways() const;
    [[nodiscard]] std::vector<Survey::Own> survey_own() const;

    boost::asio::io_context& loop_; // outlives this, and runs nothing when it ends
    bool publish_waits_ = false;
    dataplane::Dataplane& dataplane_;
    Events& events_;
    std::unique_ptr<net::Netlink> netlink_;
    std::unique_ptr<net::Announcer> announcer_;
    Config config_;
    std::map<std::uint32_t, net::Link> links_;
    std::set<std::uint32_t> used_links_; // known to the data plane
    std::vector<net::Connected> connected_;
    std::set<Address> host_addresses_;
    std::map<policy::EndpointKey, policy::Id> endpoints_;
    std::map<policy::EndpointKey, Target> targets_;
    std::vector<policy::EndpointKey> awaited_; // new ones whose next hop is not known yet
    std::set<Address> vips_;
    std::set<Address> departing_vips_; // of the configuration before, until the data plane has the next one
    std::set<Address> proxies_;
    std::set<Address> answered_; // nobody else has them
    struct Owner {
        net::Mac mac{};
        std::uint32_t link = 0;
    };
    std::map<Address, Owner> owners_;
    std::map<std::string, std::string> attach_trouble_; // of interfaces that could not be attached (again)
};

} // namespace proxip::app
