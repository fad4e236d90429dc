#include "cli/rates.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

namespace proxip::cli {
namespace {

using Json = nlohmann::json;

// What two readings of one counter make, over the time between them.
struct Clock {
    double seconds;

    [[nodiscard]] Rate rate(std::uint64_t before, std::uint64_t after, double factor = 1) const {
        if (seconds <= 0) {
            return std::nullopt;
        }
        const std::uint64_t grown = after >= before ? after - before : after;
        return factor * static_cast<double>(grown) / seconds;
    }
    [[nodiscard]] Flow flow(const api::Top::Backend& before, const api::Top::Backend& after) const {
        constexpr double bits = 8;
        return {.connections = rate(before.connections_total, after.connections_total),
                .packets_in = rate(before.packets.in, after.packets.in),
                .packets_out = rate(before.packets.out, after.packets.out),
                .bits_in = rate(before.bytes.in, after.bytes.in, bits),
                .bits_out = rate(before.bytes.out, after.bytes.out, bits)};
    }
};

void add(Rate& sum, const Rate& part) {
    if (part) {
        sum = sum.value_or(0) + *part;
    }
}

void add(Flow& sum, const Flow& part) {
    add(sum.connections, part.connections);
    add(sum.packets_in, part.packets_in);
    add(sum.packets_out, part.packets_out);
    add(sum.bits_in, part.bits_in);
    add(sum.bits_out, part.bits_out);
}

// By the service's name and address: another one that took its name is another one.
using Key = std::pair<std::string, std::string>;
using Known = std::map<Key, std::map<std::string, const api::Top::Backend*>>;

Known known_of(const api::Top& top) {
    Known out;
    for (const auto& service : top.services) {
        auto& backends = out[{service.name, service.address}];
        for (const auto& backend : service.backends) {
            backends.emplace(backend.address, &backend);
        }
    }
    return out;
}

TopReport::Service service_of(const api::Top::Service& after, const Known& known, const Clock& clock) {
    TopReport::Service out{.name = after.name, .address = after.address, .flow = {}, .backends = {}};
    const auto before = known.find({after.name, after.address});
    for (const auto& backend : after.backends) {
        TopReport::Backend row{.address = backend.address,
                               .state = backend.state,
                               .health = backend.health,
                               .connections = backend.connections,
                               .flow = {}};
        if (before != known.end()) {
            if (const auto same = before->second.find(backend.address); same != before->second.end()) {
                row.flow = clock.flow(*same->second, backend);
            }
        }
        out.up += backend.state == "up" ? 1 : 0;
        out.connections += backend.connections;
        add(out.flow, row.flow);
        out.backends.push_back(std::move(row));
    }
    return out;
}

// As far as a thousandth: what is below is not measured, but made by the division.
Json number(const Rate& rate) {
    return rate ? Json(std::round(*rate * 1000) / 1000) : Json(nullptr);
}

void put(Json& object, const Flow& flow) {
    object["connections_per_second"] = number(flow.connections);
    object["packets_per_second"] = Json{{"in", number(flow.packets_in)}, {"out", number(flow.packets_out)}};
    object["bits_per_second"] = Json{{"in", number(flow.bits_in)}, {"out", number(flow.bits_out)}};
}

Json json_of(const TopReport::Service& service) {
    Json out{{"name", service.name},
             {"address", service.address},
             {"up", service.up},
             {"connections", service.connections},
             {"backends", Json::array()}};
    put(out, service.flow);
    for (const auto& backend : service.backends) {
        Json one{{"address", backend.address},
                 {"state", backend.state},
                 {"health", backend.health},
                 {"connections", backend.connections}};
        put(one, backend.flow);
        out["backends"].push_back(std::move(one));
    }
    return out;
}

Json json_of(const api::Top::Pool& pool) {
    Json out{{"name", pool.name}, {"in_use", pool.in_use}, {"capacity", pool.capacity}, {"fullest", nullptr}};
    if (pool.fullest) {
        out["fullest"] = {{"endpoint", pool.fullest->endpoint},
                          {"in_use", pool.fullest->in_use},
                          {"capacity", pool.fullest->capacity}};
    }
    return out;
}

} // namespace

TopReport rates_between(const api::Top& before, const api::Top& after) {
    const Clock clock{after.at - before.at};
    const Known known = known_of(before);
    TopReport out{.time = after.time,
                  .interval = clock.seconds,
                  .generation = after.generation,
                  .connections = after.connections,
                  .max_connections = after.max_connections,
                  .flow = {},
                  .services = {},
                  .drops = {},
                  .pools = after.pools,
                  .clients = after.clients,
                  .one_in = after.one_in};
    for (const auto& service : after.services) {
        out.services.push_back(service_of(service, known, clock));
        add(out.flow, out.services.back().flow);
    }
    for (const auto& [reason, packets] : after.drops) {
        const auto same = before.drops.find(reason);
        out.drops.push_back({.reason = reason,
                             .packets = packets,
                             .rate = same == before.drops.end() ? Rate{} : clock.rate(same->second, packets)});
    }
    return out;
}

void sort(TopReport& report, TopSort by) {
    const auto arrange = [by](auto& rows, auto name) {
        const auto most = [by](const auto& row) {
            switch (by) {
            case TopSort::connections: return static_cast<double>(row.connections);
            case TopSort::opened: return row.flow.connections.value_or(0);
            case TopSort::packets: return row.flow.packets();
            case TopSort::bits: return row.flow.bits();
            case TopSort::name: break;
            }
            return 0.0;
        };
        std::ranges::stable_sort(rows, std::less{}, name);
        std::ranges::stable_sort(rows, std::greater{}, most);
    };
    arrange(report.services, &TopReport::Service::name);
    for (auto& service : report.services) {
        arrange(service.backends, &TopReport::Backend::address);
    }
    std::ranges::stable_sort(report.drops, std::greater{}, [](const TopReport::Drop& drop) {
        return std::pair(drop.rate.value_or(0), drop.packets);
    });
}

Json json_of(const TopReport& report) {
    Json out{{"time", report.time},
             {"interval_seconds", std::round(report.interval * 1000) / 1000},
             {"generation", report.generation},
             {"connections", report.connections},
             {"max_connections", report.max_connections},
             {"services", Json::array()},
             {"drops", Json::object()},
             {"pools", Json::array()},
             {"clients", Json::array()},
             {"clients_one_in", report.one_in}};
    put(out, report.flow);
    for (const auto& service : report.services) {
        out["services"].push_back(json_of(service));
    }
    for (const auto& drop : report.drops) {
        out["drops"][drop.reason] = {{"packets", drop.packets}, {"per_second", number(drop.rate)}};
    }
    for (const auto& pool : report.pools) {
        out["pools"].push_back(json_of(pool));
    }
    for (const auto& client : report.clients) {
        out["clients"].push_back(
            {{"address", client.address}, {"connections", client.connections}, {"proxy_ports", client.proxy_ports}});
    }
    return out;
}

} // namespace proxip::cli
