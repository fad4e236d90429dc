// What has rows: services, backends, pools, connections, counters.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cli/human.hpp"
#include "cli/render.hpp"
#include "cli/table.hpp"

namespace proxip::cli {
namespace {

std::string yes_no(bool value) {
    return value ? "yes" : "no";
}

std::vector<Column> columns(std::vector<Column> always, bool wide, std::initializer_list<Column> more) {
    if (wide) {
        always.insert(always.end(), more);
    }
    return always;
}

void widen(std::vector<std::string>& cells, bool wide, std::initializer_list<std::string> more) {
    if (wide) {
        cells.insert(cells.end(), more);
    }
}

std::string traffic(const api::Directions& counters, std::string (*human)(std::uint64_t)) {
    return human(counters.in) + " / " + human(counters.out);
}

} // namespace

std::string text_of(const std::vector<api::ServiceView>& services, bool wide) {
    Table table(columns(
        {{"NAME"}, {"ADDRESS"}, {"SCHEDULER"}, {"SNAT"}, {"POOL"}, {"UP", Align::right}, {"CONNS", Align::right}}, wide,
        {{"BACKENDS"}}));
    for (const auto& service : services) {
        const auto up = std::ranges::count(service.backends, "up", &api::BackendView::state);
        const auto leaving = std::ranges::count(service.backends, "leaving", &api::BackendView::state);
        std::string backends;
        for (const auto& backend : service.backends) {
            backends += (backends.empty() ? "" : " ") + backend.address + "=" + backend.state;
        }
        std::vector<std::string> cells{service.name,
                                       service.address,
                                       service.scheduler,
                                       service.snat,
                                       service.pool,
                                       fmt::format("{}/{}", up, std::ssize(service.backends) - leaving),
                                       human_count(service.connections)};
        widen(cells, wide, {backends});
        table.row(cells);
    }
    return table.text();
}

std::string text_of(const std::vector<api::BackendView>& backends, bool wide) {
    Table table(columns(
        {{"SERVICE"}, {"BACKEND"}, {"WEIGHT", Align::right}, {"STATE"}, {"CONNS", Align::right}, {"LAST CHECK"}}, wide,
        {{"HEALTH"}, {"ADMIN"}, {"BACKUP"}, {"SHARE", Align::right}}));
    for (const auto& backend : backends) {
        std::vector<std::string> cells{backend.service,
                                       backend.address,
                                       fmt::format("{}", backend.weight),
                                       backend.state,
                                       human_count(backend.connections),
                                       backend.last_check};
        widen(cells, wide,
              {backend.health, backend.admin, yes_no(backend.backup), fmt::format("{:.1f} %", 100 * backend.share)});
        table.row(cells);
    }
    return table.text();
}

std::string ports_of(const api::PoolView& pool, const api::PoolView::Endpoint& endpoint) {
    return endpoint.former ? endpoint.ports + " (former)" : pool.ports;
}

std::string text_of(const std::vector<api::PoolView>& pools, bool wide) {
    Table table(
        columns({{"POOL"}, {"PROXY IP"}, {"PORTS"}, {"ENDPOINT"}, {"IN USE", Align::right}, {"CAPACITY", Align::right}},
                wide, {{"FREE", Align::right}}));
    for (const auto& pool : pools) {
        for (const auto& address : pool.addresses) {
            if (address.endpoints.empty()) {
                std::vector<std::string> cells{
                    pool.name, address.address, pool.ports, "", fmt::format("{}", address.in_use), ""};
                widen(cells, wide, {""});
                table.row(cells);
            }
            for (const auto& endpoint : address.endpoints) {
                std::vector<std::string> cells{pool.name,
                                               address.address,
                                               ports_of(pool, endpoint),
                                               endpoint.protocol + "://" + endpoint.address,
                                               fmt::format("{}", endpoint.in_use),
                                               fmt::format("{}", endpoint.capacity)};
                widen(cells, wide,
                      {fmt::format("{}", endpoint.capacity - std::min(endpoint.capacity, endpoint.in_use))});
                table.row(cells);
            }
        }
    }
    return table.text();
}

std::string text_of(const std::vector<api::ConnView>& connections, bool wide) {
    Table table(columns({{"SERVICE"},
                         {"PROTO"},
                         {"CLIENT"},
                         {"VIP"},
                         {"PROXY"},
                         {"BACKEND"},
                         {"STATE"},
                         {"AGE", Align::right},
                         {"IDLE", Align::right}},
                        wide, {{"SNAT"}, {"PACKETS IN / OUT", Align::right}, {"BYTES IN / OUT", Align::right}}));
    for (const auto& one : connections) {
        std::vector<std::string> cells{one.service,
                                       one.protocol,
                                       one.client,
                                       one.vip,
                                       one.proxy.value_or(""),
                                       one.backend,
                                       one.state,
                                       human_seconds(one.age_seconds),
                                       human_seconds(one.idle_seconds)};
        widen(cells, wide,
              {one.snat_reason.value_or(""), traffic(one.packets, human_count), traffic(one.bytes, human_bytes)});
        table.row(cells);
    }
    return table.text();
}

std::string text_of(const std::vector<api::WhoisView>& sessions, bool wide) {
    Table table(
        columns({{"CLIENT"}, {"SERVICE"}, {"BACKEND"}, {"PROTO"}, {"SINCE"}, {"UNTIL"}, {"STATE"}}, wide, {{"VIP"}}));
    for (const auto& one : sessions) {
        std::vector<std::string> cells{
            one.client, one.service, one.backend, one.protocol, one.since, one.until.value_or(""), one.state};
        widen(cells, wide, {one.vip.value_or("")});
        table.row(cells);
    }
    return table.text();
}

std::string text_of(const std::vector<api::StatsView>& stats) {
    Table table({{"SERVICE"},
                 {"BACKEND"},
                 {"CONNS", Align::right},
                 {"TOTAL", Align::right},
                 {"PACKETS IN / OUT", Align::right},
                 {"BYTES IN / OUT", Align::right}});
    const auto add = [&table](const std::string& service, const std::string& backend, const auto& of) {
        table.row({service, backend, human_count(of.connections), human_count(of.connections_total),
                   traffic(of.packets, human_count), traffic(of.bytes, human_bytes)});
    };
    for (const auto& service : stats) {
        add(service.service, "all", service);
        for (const auto& backend : service.backends) {
            add(service.service, backend.address, backend);
        }
    }
    return table.text();
}

std::string text_of(const api::Drops& drops, bool wide) {
    std::vector<std::pair<std::string, std::uint64_t>> rows(drops.begin(), drops.end());
    if (!wide) {
        std::erase_if(rows, [](const auto& row) { return row.second == 0; });
    }
    std::ranges::stable_sort(rows, std::greater{}, [](const auto& row) { return row.second; });
    Table table({{"REASON"}, {"PACKETS", Align::right}});
    for (const auto& [reason, count] : rows) {
        table.row({reason, fmt::format("{}", count)});
    }
    return table.text();
}

} // namespace proxip::cli
