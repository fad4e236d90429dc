#pragma once

// The operator's overlay: what `backend disable`, `drain` and `enable` said. It survives restarts, and an apply unless
// the file says `enabled` itself.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/config.hpp"
#include "store/store.hpp"

namespace proxip::app {

class Overlay {
  public:
    Overlay() = default;
    explicit Overlay(const std::vector<store::Overlay>& saved);

    void set(const std::string& service, const SocketAddress& backend, Admin admin);
    // Without backends that are gone, and without those whose `enabled` the applied file sets.
    [[nodiscard]] Overlay after_apply(const Config& file) const;
    [[nodiscard]] Overlay kept_for(const Config& config) const;
    [[nodiscard]] Admin admin(const Service& service, const Backend& backend) const;
    [[nodiscard]] std::vector<store::Overlay> saved() const;

    bool operator==(const Overlay&) const = default;

  private:
    std::map<std::pair<std::string, SocketAddress>, Admin> entries_;
};

} // namespace proxip::app
