#pragma once

// Changes by hand, as functions from configuration to configuration. Whether the result holds together is validate()'s
// to say.

#include <functional>
#include <span>

#include "api/messages.hpp"
#include "app/overlay.hpp"
#include "model/config.hpp"

namespace proxip::app {

struct Draft {
    Config config;
    Overlay overlay;
};

// On an error the draft is in between, and of no use.
[[nodiscard]] Result<void> edit(Draft& draft, const api::Edit& edit);
// In order. An error's path begins with the step's place.
[[nodiscard]] Result<Draft> edited(Draft draft, std::span<const api::Step> steps);

// Where a sequence of edits becomes wrong: the first step after which `sound` refuses what came out, as it refused the
// end.
[[nodiscard]] Error blamed(const Draft& start, std::span<const api::Step> steps, Error error,
                           const std::function<Result<void>(const Draft&)>& sound);

} // namespace proxip::app
