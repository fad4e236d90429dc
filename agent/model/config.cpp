#include "model/config.hpp"

#include <algorithm>

namespace proxip {

std::vector<Address> ProxyPool::each_address() const {
    std::vector<Address> all;
    for (const AddressRange& range : addresses) {
        for (Address address = range.first;; address = address.next()) {
            all.push_back(address);
            if (address == range.last) { // not a bound in the loop: `last` may be the end of its family
                break;
            }
        }
    }
    return all;
}

std::vector<Address> ProxyPool::each_address(Family family) const {
    std::vector<Address> all = each_address();
    std::erase_if(all, [family](const Address& address) { return address.family != family; });
    return all;
}

std::uint64_t ProxyPool::address_count(Family family) const {
    std::uint64_t count = 0;
    for (const AddressRange& range : addresses) {
        count += range.first.family == family ? range.size() : 0;
    }
    return count;
}

std::vector<PortRange> ProxyPool::port_segments() const {
    std::vector<PortRange> excluded = exclude_ports;
    std::ranges::sort(excluded);
    std::vector<PortRange> segments;
    std::uint32_t next = ports.first; // wider than a port: it may be one beyond the last
    for (const PortRange& hole : excluded) {
        if (hole.last < next) {
            continue;
        }
        if (hole.first > ports.last) {
            break;
        }
        if (hole.first > next) {
            segments.push_back({static_cast<std::uint16_t>(next), static_cast<std::uint16_t>(hole.first - 1)});
        }
        next = hole.last + 1U;
    }
    if (next <= ports.last) {
        segments.push_back({static_cast<std::uint16_t>(next), ports.last});
    }
    return segments;
}

std::uint32_t ProxyPool::port_count() const {
    std::uint32_t count = 0;
    for (const PortRange& segment : port_segments()) {
        count += segment.last - segment.first + 1U;
    }
    return count;
}

const Backend* Service::find(const SocketAddress& wanted) const {
    const auto found = std::ranges::find(backends, wanted, &Backend::address);
    return found == backends.end() ? nullptr : &*found;
}

const Service* Config::service(std::string_view name) const {
    const auto found = std::ranges::find(services, name, &Service::name);
    return found == services.end() ? nullptr : &*found;
}

const ProxyPool* Config::pool(std::string_view name) const {
    const auto found = std::ranges::find(pools, name, &ProxyPool::name);
    return found == pools.end() ? nullptr : &*found;
}

} // namespace proxip
