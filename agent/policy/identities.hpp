#pragma once

// Dense ids for what the data plane's tables are indexed by. An id stays while anything names it: the configuration, or
// a connection that is still open; only then is it given to something else.

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "model/address.hpp"
#include "model/result.hpp"
#include "policy/port_memory.hpp"

namespace proxip::policy {

using Id = std::uint32_t;

struct EndpointKey { // port 0: any
    Protocol protocol = Protocol::tcp;
    SocketAddress address;

    auto operator<=>(const EndpointKey&) const = default;
};

struct BindingKey {
    Id service = 0;
    Id endpoint = 0;

    auto operator<=>(const BindingKey&) const = default;
};

struct RingKey { // another port range makes another ring; the old one stays until its connections ended
    Id proxy = 0;
    Id endpoint = 0;
    std::vector<PortRange> segments;

    auto operator<=>(const RingKey&) const = default;
};

template <typename Key>
class IdTable {
  public:
    explicit IdTable(std::size_t limit) : limit_(limit) {}

    [[nodiscard]] std::optional<Id> find(const Key& key) const {
        auto found = ids_.find(key);
        return found == ids_.end() ? std::nullopt : std::optional(found->second);
    }

    // The key's id, a new one if it has none. `fresh` tells which. Refused when the table is full.
    [[nodiscard]] Result<Id> obtain(const Key& key, bool* fresh = nullptr) {
        if (auto known = find(key)) {
            if (fresh != nullptr) {
                *fresh = false;
            }
            return *known;
        }
        if (fresh != nullptr) {
            *fresh = true;
        }
        if (!free_.empty()) {
            const Id id = *free_.begin();
            free_.erase(free_.begin());
            ids_.emplace(key, id);
            return id;
        }
        if (next_ >= limit_) {
            return fail(ErrorCode::refused,
                        "the kernel's table is full; ids are free again when connections to what was "
                        "removed have ended");
        }
        ids_.emplace(key, next_);
        return next_++;
    }

    void adopt(const Key& key, Id id) {
        ids_.emplace(key, id);
        while (next_ < id) {
            free_.insert(next_++);
        }
        if (next_ == id) {
            ++next_;
        } else {
            free_.erase(id);
        }
    }

    void release(const Key& key) {
        if (auto found = ids_.find(key); found != ids_.end()) {
            free_.insert(found->second);
            ids_.erase(found);
        }
    }

    [[nodiscard]] const std::map<Key, Id>& all() const { return ids_; }

  private:
    std::size_t limit_;
    Id next_ = 0;
    std::set<Id> free_;
    std::map<Key, Id> ids_;
};

struct Identities {
    Identities();

    // The id under which the data plane keeps a backend of a service; none that it does not know.
    [[nodiscard]] std::optional<Id> binding(const ServiceAddress& service, const SocketAddress& backend) const;

    IdTable<ServiceAddress> services;
    IdTable<EndpointKey> endpoints;
    IdTable<Address> proxies;
    IdTable<BindingKey> bindings;
    IdTable<RingKey> rings;
    std::map<Id, RingPlace> ring_places;
    PortMemory memory;
};

// What is named by something else than the configuration: by open connections.
struct References {
    std::set<Id> services;
    std::set<Id> endpoints;
    std::set<Id> proxies;
    std::set<Id> bindings;
    std::set<Id> rings;
};

// Releases every id that is in neither. Returns the ids that are free now, so that their tables can be cleared.
[[nodiscard]] References collect(Identities& ids, const References& configured, const References& open);

} // namespace proxip::policy
