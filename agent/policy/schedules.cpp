#include "policy/schedules.hpp"

#include <string_view>
#include <unordered_set>
#include <utility>

namespace proxip::policy {

const std::vector<std::uint16_t>& Schedules::of(const Service& service, const Rotation& rotation) {
    std::vector<Weighted> from;
    from.reserve(service.backends.size());
    for (std::size_t i = 0; i < service.backends.size(); ++i) {
        from.push_back({.name = service.backends[i].address.text(), .weight = rotation.shares.at(i).weight});
    }
    Made& made = made_[service.name];
    if (made.scheduler != service.scheduler || made.from != from) {
        auto table = service.scheduler == Scheduler::round_robin ? round_robin_table(from)
                                                                 : maglev_table(from, maglev_size(from.size()));
        made = {.scheduler = service.scheduler, .from = std::move(from), .table = std::move(table)};
    }
    return made.table;
}

void Schedules::keep_only(const Config& config) {
    std::unordered_set<std::string_view> names; // not a search through all services for each of them
    for (const Service& service : config.services) {
        names.insert(service.name);
    }
    std::erase_if(made_, [&names](const auto& made) { return !names.contains(made.first); });
}

} // namespace proxip::policy
