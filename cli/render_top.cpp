#include "cli/render_top.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "cli/human.hpp"
#include "cli/table.hpp"

namespace proxip::cli {
namespace {

std::string both(const Rate& in, const Rate& out) {
    return in || out ? human_rate(in.value_or(0)) + " / " + human_rate(out.value_or(0)) : "";
}

std::string one(const Rate& rate) {
    return rate ? human_rate(*rate) : "";
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? "" : fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string services_text(const TopReport& report, bool backends) {
    Table table({{"SERVICE"},
                 {"BACKEND"},
                 {"STATE"},
                 {"CONNS", Align::right},
                 {"NEW/S", Align::right},
                 {"PACKETS/S IN / OUT", Align::right},
                 {"BITS/S IN / OUT", Align::right}});
    const auto row = [&table](const std::string& service, const std::string& backend, const std::string& state,
                              std::uint64_t connections, const Flow& flow) {
        table.row({service, backend, state, human_count(connections), one(flow.connections),
                   both(flow.packets_in, flow.packets_out), both(flow.bits_in, flow.bits_out)});
    };
    for (const auto& service : report.services) {
        row(service.name, "all", fmt::format("{}/{} up", service.up, service.backends.size()), service.connections,
            service.flow);
        if (backends) {
            for (const auto& backend : service.backends) {
                row(service.name, backend.address, backend.state, backend.connections, backend.flow);
            }
        }
    }
    return table.text();
}

std::string drops_text(const TopReport& report, bool all) {
    Table table({{"DROPPED"}, {"PACKETS", Align::right}, {"PACKETS/S", Align::right}});
    bool any = false;
    for (const auto& drop : report.drops) {
        if (all || drop.packets > 0) {
            table.row({drop.reason, human_count(drop.packets), one(drop.rate)});
            any = true;
        }
    }
    return any ? table.text() : "";
}

std::string pools_text(const TopReport& report) {
    Table table({{"POOL"},
                 {"PORTS IN USE", Align::right},
                 {"OF", Align::right},
                 {"FULLEST TOWARDS"},
                 {"IN USE", Align::right},
                 {"OF", Align::right},
                 {"FULL", Align::right}});
    for (const auto& pool : report.pools) {
        const auto& fullest = pool.fullest;
        table.row({pool.name, human_count(pool.in_use), human_count(pool.capacity), fullest ? fullest->endpoint : "",
                   fullest ? human_count(fullest->in_use) : "", fullest ? human_count(fullest->capacity) : "",
                   fullest ? percent(fullest->in_use, fullest->capacity) : ""});
    }
    return report.pools.empty() ? "" : table.text();
}

std::string clients_text(const TopReport& report) {
    Table table({{"CLIENT"}, {"CONNS", Align::right}, {"PROXY PORTS", Align::right}});
    for (const auto& client : report.clients) {
        table.row({client.address, human_count(client.connections), human_count(client.proxy_ports)});
    }
    if (report.clients.empty()) {
        return "";
    }
    return table.text() +
           (report.one_in == 1 ? "" : fmt::format("(estimated: one connection in {} was looked at)\n", report.one_in));
}

std::string summary(const TopReport& report) {
    double dropped = 0;
    for (const auto& drop : report.drops) {
        dropped += drop.rate.value_or(0);
    }
    return fmt::format("{}  generation {}  connections {} of {} ({})  new {}/s  in {} b/s  out {} b/s  dropped {}/s\n",
                       report.time, report.generation, human_count(report.connections),
                       human_count(report.max_connections), percent(report.connections, report.max_connections),
                       human_rate(report.flow.connections.value_or(0)), human_rate(report.flow.bits_in.value_or(0)),
                       human_rate(report.flow.bits_out.value_or(0)), human_rate(dropped));
}

std::size_t line_count(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

// The first lines, and how many there are besides.
std::string shortened(const std::string& text, std::size_t lines) {
    if (line_count(text) <= lines) {
        return text;
    }
    if (lines == 0) {
        return {};
    }
    std::size_t end = 0;
    for (std::size_t i = 0; i + 1 < lines; ++i) {
        end = text.find('\n', end) + 1;
    }
    return text.substr(0, end) + fmt::format("… {} more\n", line_count(text) - lines + 1);
}

} // namespace

std::string_view sort_name(TopSort sort) {
    switch (sort) {
    case TopSort::name: return "name";
    case TopSort::connections: return "connections";
    case TopSort::opened: return "new";
    case TopSort::packets: return "packets";
    case TopSort::bits: break;
    }
    return "bits";
}

std::string text_of(const TopReport& report, bool wide) {
    std::string text = summary(report) + "\n" + services_text(report, true);
    for (const auto& part : {drops_text(report, wide), pools_text(report), clients_text(report)}) {
        text += part.empty() ? "" : "\n" + part;
    }
    return text;
}

std::string page_of(const TopReport& report, const TopPage& page, Screen::Size size) {
    const std::string foot =
        page.trouble.empty()
            ? fmt::format("q quit   b backends   sort: s next, by {} (n name, c connections, o new, p packets, t bits)",
                          sort_name(page.sort))
            : "NOT OF NOW: " + page.trouble;
    constexpr std::size_t frame_lines = 3; // the summary, an empty line, the foot
    constexpr std::size_t least_services = 6;
    const std::size_t room = size.rows > frame_lines ? size.rows - frame_lines : 0;
    std::string below;
    std::size_t left = room > least_services ? room - least_services : 0;
    // Each of them gets a part, and what none of them needs is the services'.
    const std::string parts[] = {drops_text(report, false), pools_text(report), clients_text(report)};
    std::size_t to_come = std::size(parts);
    for (const auto& part : parts) {
        const std::size_t share = left / to_come--;
        if (part.empty() || share < 3) {
            continue;
        }
        const std::string shown = "\n" + shortened(part, share - 1);
        left -= line_count(shown);
        below += shown;
    }
    std::string text = summary(report) + "\n";
    text += shortened(services_text(report, page.backends), room - line_count(below)) + below;
    while (line_count(text) + 1 < size.rows) {
        text += '\n';
    }
    return text + foot;
}

} // namespace proxip::cli
