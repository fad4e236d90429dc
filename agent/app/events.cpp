#include "app/events.hpp"

#include <algorithm>
#include <chrono>
#include <ranges>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace proxip::app {

namespace {

constexpr std::size_t most_remembered = 1024;

bool wanted(const std::vector<std::string>& types, const std::string& type) {
    return types.empty() || std::ranges::find(types, type) != types.end();
}

} // namespace

std::string time_text(std::chrono::system_clock::time_point time) {
    const auto millis = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(time)),
                       millis % 1000);
}

void Events::publish(Level level, api::Event event) {
    if (level != spdlog::level::off) { // which spdlog would print
        spdlog::log(level, "{}", event.message);
    }
    event.time = time_text(std::chrono::system_clock::now());
    event.generation = generation_ ? generation_() : 0;
    if (!caller_.empty()) {
        event.caller = caller_;
    }
    Told told{.type = event.type, .body = api::item_body(event)};
    std::erase_if(readers_, [](const Reader& reader) { return reader.backlog.expired(); });
    for (const Reader& reader : readers_) {
        if (const auto backlog = reader.backlog.lock(); backlog && wanted(reader.types, told.type)) {
            backlog->put(told.body);
        }
    }
    told_.push_back(std::move(told));
    if (told_.size() > most_remembered) {
        told_.pop_front();
    }
}

std::shared_ptr<api::Backlog> Events::follow(const api::MonitorRequest& request) {
    auto backlog = std::make_shared<api::Backlog>();
    std::vector<const Told*> before;
    for (const Told& told : std::views::reverse(told_)) {
        if (before.size() < request.last && wanted(request.types, told.type)) {
            before.push_back(&told);
        }
    }
    for (const Told* told : std::views::reverse(before)) {
        backlog->put(told->body);
    }
    readers_.push_back({.backlog = backlog, .types = request.types});
    return backlog;
}

} // namespace proxip::app
