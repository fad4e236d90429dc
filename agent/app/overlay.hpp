#pragma once

// The operator's overlay: what `backend disable`, `drain` and `enable` said. It survives restarts, and an apply unless
// the file says `enabled` itself.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/config.hpp"
#include "model/diff.hpp"
#include "store/store.hpp"

namespace proxip::app {

class Overlay {
  public:
    Overlay() = default;
    explicit Overlay(const std::vector<store::Overlay>& saved);

    void set(const std::string& service, const SocketAddress& backend, Admin admin);
    // Without backends that are gone, and without those whose `enabled` the applied file sets.
    [[nodiscard]] Overlay after_apply(const Config& file) const;
    // What of it means anything with this configuration: not what is gone, and not what is so without it.
    [[nodiscard]] Overlay kept_for(const Config& config) const;
    // What differs for backends that are in both, as a plan tells it.
    [[nodiscard]] std::vector<Change> changes_to(const Overlay& other, const Config& before, const Config& after) const;
    [[nodiscard]] Admin admin(const Service& service, const Backend& backend) const;
    [[nodiscard]] std::vector<store::Overlay> saved() const;

    bool operator==(const Overlay&) const = default;

  private:
    using Key = std::pair<std::string, SocketAddress>; // service, backend
    std::map<Key, Admin> entries_;
};

} // namespace proxip::app
