#include "policy/rings.hpp"

#include <map>

namespace proxip::policy {

std::vector<Id> current_rings(const Config& config, const Identities& ids) {
    std::map<Id, std::vector<PortRange>> ranges; // by Proxy IP
    for (const ProxyPool& pool : config.pools) {
        const auto segments = pool.port_segments();
        for (const Address& address : pool.each_address()) {
            if (const auto id = ids.proxies.find(address)) {
                ranges.emplace(*id, segments);
            }
        }
    }
    std::vector<Id> out;
    for (const auto& [key, id] : ids.rings.all()) {
        if (const auto range = ranges.find(key.proxy); range != ranges.end() && range->second == key.segments) {
            out.push_back(id);
        }
    }
    return out;
}

} // namespace proxip::policy
