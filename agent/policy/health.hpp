#pragma once

// Hysteresis of one health check: pure, no clock.

#include <cstdint>
#include <optional>

namespace proxip::policy {

enum class Health : std::uint8_t { unknown, up, down };

class Hysteresis {
  public:
    Hysteresis(std::uint32_t rise, std::uint32_t fall) : rise_(rise), fall_(fall) {}

    // The new state when this result changes it. The first result decides alone (unknown -> up or down); after that,
    // `fall` failures in a row take it down and `rise` successes in a row bring it up.
    [[nodiscard]] std::optional<Health> observe(bool success);
    [[nodiscard]] Health state() const { return state_; }
    void adopt(Health known);                            // what an earlier agent knew
    void retune(std::uint32_t rise, std::uint32_t fall); // keeps the state
    // Unknown, but it serves already: one failure alone, of a check that may be wrong, does not take it down.
    void adopt_serving();

  private:
    [[nodiscard]] std::uint32_t needed(bool success) const;

    std::uint32_t rise_;
    std::uint32_t fall_;
    std::uint32_t run_ = 0; // results in a row against the state
    Health state_ = Health::unknown;
    bool serving_ = false;
};

} // namespace proxip::policy
