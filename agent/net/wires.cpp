#include "net/wires.hpp"

#include "net/ndp.hpp"

namespace proxip::net {

namespace {

void stop(const std::shared_ptr<Wire>& wire) {
    if (wire != nullptr) {
        wire->stop();
    }
}

} // namespace

Wires::~Wires() {
    for (const auto& [key, wire] : wires_) {
        stop(wire);
    }
}

bool Wires::send(const Place& place, const Frame& frame) {
    const auto& [link, address] = place;
    const auto wire = wire_of({link, address.family});
    if (!wire) {
        return false;
    }
    if (*wire == nullptr) {
        return true;
    }
    if (address.family == Family::v6) {
        groups_.join({link, ndp::all_nodes()}); // where advertisements go; the host is no member where IPv6 is off
        groups_.join({link, ndp::solicited_node(address)});
    }
    return (*wire)->send(frame);
}

void Wires::keep(const std::set<Place>& places) {
    std::set<Key> used;
    std::set<Groups::Place> groups;
    for (const auto& [link, address] : places) {
        used.emplace(link, address.family);
        if (address.family == Family::v6) {
            groups.emplace(link, ndp::all_nodes());
            groups.emplace(link, ndp::solicited_node(address));
        }
    }
    std::erase_if(wires_, [&used](const auto& item) {
        const bool unused = !used.contains(item.first);
        if (unused) {
            stop(item.second);
        }
        return unused;
    });
    groups_.keep(groups);
}

void Wires::renew(std::uint32_t link) {
    groups_.renew(link);
}

Result<std::shared_ptr<Wire>> Wires::wire_of(const Key& key) {
    const auto found = wires_.find(key);
    if (found != wires_.end()) {
        if (found->second == nullptr || !found->second->gone()) {
            return found->second;
        }
        stop(found->second);
        wires_.erase(found);
        groups_.renew(key.first);
    }
    const auto [link, family] = key;
    auto wire = Wire::open(loop_, link, family, [this, link, family](std::span<const std::uint8_t> frame) {
        if (const auto statement = read_statement(family, frame)) {
            heard_(link, *statement);
        }
    });
    if (wire) {
        wires_.emplace(key, *wire);
    }
    return wire;
}

} // namespace proxip::net
