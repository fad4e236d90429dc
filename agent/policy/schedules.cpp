#include "policy/schedules.hpp"

namespace proxip::policy {

namespace {

constexpr std::uint64_t kept_images = 3; // a backend that goes down and up again comes back to a table that is there

} // namespace

const Schedules::Table& Schedules::table(const std::string& key, const std::function<Table()>& make) {
    auto [entry, added] = entries_.try_emplace(key);
    if (added) {
        entry->second.table = make();
    }
    entry->second.used = images_;
    return entry->second.table;
}

void Schedules::age() {
    ++images_;
    std::erase_if(entries_, [this](const auto& entry) { return entry.second.used + kept_images < images_; });
}

} // namespace proxip::policy
