// What the controller has to tell.

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/controller.hpp"

namespace proxip::app {

namespace {

constexpr std::size_t most_named = 3; // in a line; the event has all of them

std::string changes_text(const std::vector<Change>& changes) {
    std::vector<std::string> named;
    for (std::size_t i = 0; i < std::min(changes.size(), most_named); ++i) {
        const Change& one = changes[i];
        named.push_back(one.action == "change" ? fmt::format("{} {} -> {}", one.path, one.from, one.to)
                                               : fmt::format("{} {}", one.action, one.path));
    }
    const std::string more =
        changes.size() > most_named ? fmt::format(" and {} more", changes.size() - most_named) : "";
    return fmt::format("{}{}", fmt::join(named, ", "), more);
}

constexpr std::string_view by_text(std::string_view by) {
    if (by == "hand") {
        return "changed by hand";
    }
    return by == "apply"      ? "a file was applied"
           : by == "reload"   ? "the file was read again"
           : by == "start"    ? "the file was applied at the start"
           : by == "rollback" ? "taken back"
                              : "not confirmed in time, taken back";
}

// "service[web].backend[1.1.1.11:80].admin" -> "web", "1.1.1.11:80". None: it is not about a backend's state.
std::optional<std::pair<std::string, std::string>> backend_of(std::string_view path) {
    constexpr std::string_view before = "service[";
    constexpr std::string_view between = "].backend[";
    constexpr std::string_view after = "].admin";
    const auto middle = path.rfind(between);
    if (!path.starts_with(before) || !path.ends_with(after) || middle == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view service = path.substr(before.size(), middle - before.size());
    const auto start = middle + between.size();
    return std::pair(std::string(service), std::string(path.substr(start, path.size() - after.size() - start)));
}

} // namespace

void Controller::tell_change(const Change& change, const Outcome& outcome) {
    parts_.events.publish(spdlog::level::info,
                          {.type = "generation",
                           .state = fmt::format("{}", outcome.generation),
                           .message = fmt::format("generation {}: {}{}{}", outcome.generation, by_text(change.by),
                                                  outcome.changes.empty() ? "" : ": ", changes_text(outcome.changes)),
                           .by = std::string(change.by),
                           .changes = outcome.changes});
    for (const proxip::Change& one : outcome.changes) {
        const auto backend = one.action == "change" ? backend_of(one.path) : std::nullopt;
        if (backend) {
            parts_.events.publish(spdlog::level::off,
                                  {.type = "admin",
                                   .state = one.to,
                                   .message = fmt::format("service {}: backend {}: {} -> {}", backend->first,
                                                          backend->second, one.from, one.to),
                                   .service = backend->first,
                                   .backend = backend->second,
                                   .by = std::string(change.by)});
        }
    }
}

void Controller::tell_basis(const Service& service, policy::Basis before, policy::Basis now) {
    if (now == before) {
        return;
    }
    const bool good = now == policy::Basis::checks;
    parts_.events.publish(good ? spdlog::level::info : spdlog::level::warn,
                          {.type = "service",
                           .state = good ? "checks" : "no checks",
                           .message = fmt::format("service {}: {}", service.name, policy::basis_text(now)),
                           .service = service.name,
                           .reason = std::string(policy::basis_text(now))});
}

void Controller::refuse_file(const std::string& why) {
    file_trouble_ = why;
    parts_.events.publish(spdlog::level::err,
                          {.type = "file",
                           .state = "refused",
                           .message = fmt::format("not reloaded, generation {} runs on: {}", generation_, why),
                           .reason = why});
}

} // namespace proxip::app
