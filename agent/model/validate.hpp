#pragma once

// The parts of find_fault(): each looks at one part of the configuration and tells the first fault.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/misfit.hpp"

namespace proxip::validation {

using Fault = std::optional<Finding>;

// A place in the configuration, in words and in steps, side by side.
struct Place {
    std::string path;
    std::vector<Step> steps;

    [[nodiscard]] Place key(const std::string& name) const;
    // One element of the array `name`, called by its name: pool("pool", "proxy_pool", 0, "default") is "pool[default]".
    [[nodiscard]] Place element(const std::string& word, const std::string& name, std::size_t index,
                                const std::string& label) const;
    [[nodiscard]] Place index(std::size_t number) const;
    [[nodiscard]] Fault fault(std::string message) const;
    [[nodiscard]] Fault unfit(const std::string& found, const std::string& expected) const;
};

[[nodiscard]] Place place_of(const ProxyPool& pool, std::size_t index);
[[nodiscard]] Place place_of(const Service& service, std::size_t index);

// The first fault of several checks, each a callable: what comes after a fault is not looked at.
template <typename... Checks>
[[nodiscard]] Fault first_of(Checks&&... checks) {
    Fault fault;
    (void)((fault = std::forward<Checks>(checks)(), fault.has_value()) || ...);
    return fault;
}

[[nodiscard]] Fault check_name(const Place& place, const std::string& name);
[[nodiscard]] Fault check_unicast(const Place& place, const Address& address);
// What a health check asks and what it takes for an answer; its jitter.
[[nodiscard]] Fault check_question(const Place& place, const Check& check);

// Who owns which Proxy IP, to be asked in logarithmic time.
class ProxyAddresses {
  public:
    struct Owner {
        AddressRange range;
        std::size_t pool = 0;  // index in Config::pools
        std::size_t entry = 0; // index in its `addresses`
    };

    explicit ProxyAddresses(const std::vector<ProxyPool>& pools);
    [[nodiscard]] const Owner* owner(const Address& address) const;       // only while nothing overlaps
    [[nodiscard]] std::optional<std::pair<Owner, Owner>> overlap() const; // the later one in the configuration second

  private:
    std::vector<Owner> sorted_;
};

[[nodiscard]] Fault check_agent(const AgentConfig& agent);
[[nodiscard]] Fault check_pools(const std::vector<ProxyPool>& pools, const ProxyAddresses& proxies);
[[nodiscard]] Fault check_services(const Config& config, const ProxyAddresses& proxies);

} // namespace proxip::validation
