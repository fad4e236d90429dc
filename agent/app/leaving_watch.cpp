#include "app/leaving_watch.hpp"

#include <utility>

#include <fmt/format.h>

namespace proxip::app {

void LeavingWatch::tell(const Backend& backend, bool gone, std::uint64_t connections) {
    events_.publish(
        spdlog::level::info,
        {.type = "leaving",
         .state = gone ? "gone" : "leaving",
         .message = gone ? fmt::format("service {}: backend {} is gone: its last connection ended", backend.service,
                                       backend.address)
                         : fmt::format("service {}: backend {} is leaving, {} connection{} left", backend.service,
                                       backend.address, connections, connections == 1 ? "" : "s"),
         .service = backend.service,
         .backend = backend.address});
}

void LeavingWatch::tick() {
    auto before = std::exchange(leaving_, {});
    for (const auto& one : controller_.leaving()) {
        const std::uint64_t live = dataplane_.counts(one.binding).live;
        if (live == 0) {
            continue;
        }
        const auto [entry, added] =
            leaving_.try_emplace(one.binding, Backend{.service = one.service, .address = one.endpoint.address.text()});
        if (before.erase(one.binding) == 0) {
            tell(entry->second, false, live);
        }
    }
    for (const auto& [binding, backend] : before) {
        if (!controller_.is_named(binding)) { // else it was added again
            tell(backend, true, 0);
        }
    }
}

} // namespace proxip::app
