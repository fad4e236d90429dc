#pragma once

// Who takes new connections, and how large a share: from what the operator said, what the checks found, and the time.
// Pure. The one place where this is decided: schedules, `backend show` and `explain` all follow it.
//
// 1. Backends that are enabled, have weight and are not down take part: those that are no backups, and where there is
//    none, the backups. Unknown health counts as up.
// 2. `min_up`: where these are fewer, backups that are up join them; where there are still fewer, the checks are
//    distrusted, and every enabled backend takes part whatever they say, backups too.
// 3. `on_all_down = keep-last`: where nobody is left, those that went down together with the last one go on.
// 4. `slow_start`: one that joined so long ago at most has a part of its weight.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "policy/health.hpp"

namespace proxip::policy {

using Instant = std::chrono::steady_clock::time_point;

// What is known of one backend of a service.
struct Standing {
    Admin admin = Admin::enabled;
    Health health = Health::unknown;
    std::optional<Instant> joined{};    // came up, or was enabled, while the service ran; none: it was there before
    std::optional<Instant> went_down{}; // where health is down; none: before this agent knew
};

// Why those in rotation are.
enum class Basis : std::uint8_t {
    checks,     // the rule
    distrusted, // fewer than min_up are up: all enabled ones
    kept_last,  // none is up: those that were last
    nobody,
};

struct Share {
    std::uint32_t weight = 0; // beside the others' of the same rotation; 0: no new connections
    bool dead = false;        // down, and not kept: what it has not answered, and its UDP, goes to another
};

struct Rotation {
    std::vector<Share> shares; // as the service's backends
    std::uint64_t weight = 0;  // of all shares
    Basis basis = Basis::checks;
    std::optional<Instant> next_step; // when slow start changes it by itself
};

// `standings` as service.backends.
[[nodiscard]] Rotation rotation(const Service& service, std::span<const Standing> standings, Instant now);

// "the checks are distrusted: fewer than min_up are up, so all that are enabled take part"
[[nodiscard]] std::string_view basis_text(Basis basis);

// For a whole configuration.
using Rotations = std::function<Rotation(const Service&)>;

// May new connections go there, and did it die? Of each backend by itself, without time.
using Available = std::function<bool(const Service&, const Backend&)>;
using Down = std::function<bool(const Service&, const Backend&)>;
[[nodiscard]] Rotations rotations_of(Available available, Down down);

} // namespace proxip::policy
