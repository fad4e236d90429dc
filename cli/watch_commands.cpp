// What looks on: top, monitor.

#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "api/stream.hpp"
#include "cli/command.hpp"
#include "cli/render_top.hpp"
#include "cli/values.hpp"
#include "model/text.hpp"

namespace proxip::cli {
namespace watch {
namespace {

constexpr Millis shortest_interval{100}; // the agent has other work, too

Result<TopSort> parse_sort(const std::string& text) {
    std::vector<std::string_view> names;
    for (const TopSort sort : {TopSort::bits, TopSort::packets, TopSort::connections, TopSort::opened, TopSort::name}) {
        if (text == sort_name(sort)) {
            return sort;
        }
        names.push_back(sort_name(sort));
    }
    return usage(fmt::format("'{}': expected {}", text, alternatives(names)), "--sort");
}

struct TopTyped {
    Text interval, count, sort, clients;
};

Build declare_top(CLI::App& app) {
    const auto typed = std::make_shared<TopTyped>();
    app.add_option("-d,--interval", typed->interval, "between two readings, 1s unless told")->option_text("DURATION");
    app.add_option("-n,--count", typed->count, "so many reports, then end; off a terminal 1 unless told")
        ->option_text("N");
    app.add_option("--sort", typed->sort, "most first: bits, packets, connections, new; or name")->option_text("BY");
    app.add_option("--clients", typed->clients, "so many clients, 10 unless told; 0: none")->option_text("N");
    return [typed](const Inputs&) -> Result<Action> {
        TopWatch watch;
        Reading reading;
        reading.one("--interval", typed->interval, watch.interval)
            .one("--count", typed->count, watch.count)
            .one("--clients", typed->clients, watch.clients);
        if (reading.error()) {
            return std::unexpected(*reading.error());
        }
        if (watch.interval < shortest_interval) {
            return usage("expected at least 100ms", "--interval");
        }
        if (watch.count == 0U) {
            return usage("expected at least 1", "--count");
        }
        if (typed->sort) {
            const auto sort = parse_sort(*typed->sort);
            if (!sort) {
                return std::unexpected(sort.error());
            }
            watch.sort = *sort;
        }
        return watch;
    };
}

struct MonitorTyped {
    Texts types;
    Text count, limit, last;
};

Build declare_monitor(CLI::App& app) {
    const auto typed = std::make_shared<MonitorTyped>();
    std::string types;
    for (const auto& type : api::event_types()) {
        types += fmt::format("{}{}", types.empty() ? "" : ", ", type.name);
    }
    app.add_option("--type", typed->types, "only these: " + types)->option_text("TYPE…")->delimiter(',');
    app.add_option("-n,--count", typed->count, "so many events, then end")->option_text("N");
    app.add_option("--for", typed->limit, "so long, then end; with --count, exit 8 when fewer came")
        ->option_text("DURATION");
    app.add_option("--last", typed->last, "first the last N that were before")->option_text("N");
    return [typed](const Inputs&) -> Result<Action> {
        api::MonitorRequest monitor{.types = typed->types};
        Follow follow{.request = {}};
        Reading reading;
        reading.one("--count", typed->count, follow.count)
            .one("--for", typed->limit, follow.limit)
            .one("--last", typed->last, monitor.last);
        if (reading.error()) {
            return std::unexpected(*reading.error());
        }
        for (const auto& type : monitor.types) {
            if (auto known = at("--type", api::check_event_type(type)); !known) {
                return std::unexpected(std::move(known.error()));
            }
        }
        follow.request = std::move(monitor);
        return follow;
    };
}

constexpr std::array commands{
    Command{"", "top", "Live rates of services and backends, drops, what fills up, who uses most", declare_top},
    Command{"", "monitor", "What happens, as it happens", declare_monitor},
};

} // namespace
} // namespace watch

std::span<const Command> watch_commands() {
    return watch::commands;
}

} // namespace proxip::cli
