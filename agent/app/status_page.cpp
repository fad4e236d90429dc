#include "app/status_page.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "app/page_problems.hpp"
#include "model/codec.hpp"

namespace proxip::app {

namespace {

constexpr std::size_t most_leaving = 1000;

bool matches(const Service& service, const std::string& wanted) {
    const auto holds = [&](std::string text) { return lower_case(std::move(text)).find(wanted) != std::string::npos; };
    return wanted.empty() || holds(service.name) || holds(service.address.text()) ||
           std::ranges::any_of(service.backends, [&](const Backend& one) { return holds(one.address.text()); });
}

policy::TrafficCounters counters_of(const dataplane::BindingCounts& counts) {
    return {.opened = counts.opened,
            .packets_in = counts.in.packets,
            .packets_out = counts.out.packets,
            .bytes_in = counts.in.bytes,
            .bytes_out = counts.out.bytes};
}

struct Help {
    std::string_view reason;
    std::string_view text;
};
#define PROXIP_DROP_ROW(id, symbol, name, help) {name, help},
#define PROXIP_NO_ROW(id, symbol, name, help)
constexpr Help helps[] = {ABI_REASONS(PROXIP_DROP_ROW, PROXIP_NO_ROW)};
#undef PROXIP_DROP_ROW
#undef PROXIP_NO_ROW

std::string help_of(std::string_view reason) {
    const auto* const found = std::ranges::find(helps, reason, &Help::reason);
    return found == std::end(helps) ? std::string() : std::string(found->text);
}

double fullness(const PageView::Proxy& proxy) {
    return proxy.capacity == 0 ? 0 : static_cast<double>(proxy.fullest) / static_cast<double>(proxy.capacity);
}

} // namespace

void StatusPage::sample() {
    policy::History::Sample sample{
        .connections = dataplane_.live_connections(), .drops = dataplane_.drops(), .services = {}};
    std::size_t backends = 0;
    for (const Service& service : controller_.running().services) {
        backends += service.backends.size();
        if (sample.services.size() >= policy::History::most_services || backends > policy::History::most_backends) {
            break;
        }
        policy::History::Service counted{.name = service.name, .backends = {}};
        for (const Backend& backend : service.backends) {
            const auto counts = views_.counts(service, backend).value_or(dataplane::BindingCounts{});
            counted.backends.push_back({.address = backend.address, .counters = counters_of(counts)});
        }
        sample.services.push_back(std::move(counted));
    }
    history_.add(sample, std::chrono::steady_clock::now());
}

PageView::Counts StatusPage::count() const {
    PageView::Counts out;
    for (const Service& service : controller_.running().services) {
        ++out.services;
        out.backends += service.backends.size();
        for (const Backend& backend : service.backends) {
            const std::string state = views_.state(service, backend);
            out.up += state == "up" ? 1 : 0;
            out.down += state == "down" ? 1 : 0;
            out.drain += state == "drain" ? 1 : 0;
            out.disabled += state == "disabled" ? 1 : 0;
        }
    }
    return out;
}

PageView::Service StatusPage::service(const Service& service, const std::vector<api::BackendView>& leaving) const {
    PageView::Service out{.name = service.name,
                          .address = service.address.text(),
                          .scheduler = std::string(enum_name(service.scheduler)),
                          .snat = std::string(enum_name(service.snat)),
                          .pool = service.pool};
    for (const Backend& backend : service.backends) {
        out.backends.push_back(
            {.view = views_.backend(service, backend), .rates = history_.backend(service.name, backend.address)});
    }
    for (const api::BackendView& one : leaving) {
        if (one.service == service.name) {
            out.backends.push_back({.view = one});
        }
    }
    for (const auto& backend : out.backends) {
        out.connections += backend.view.connections;
    }
    if (const auto* history = history_.service(service.name)) {
        out.history = *history;
    }
    return out;
}

void StatusPage::add_services(const PageQuery& query, PageView& view) const {
    const auto leaving =
        controller_.leaving().size() > most_leaving ? std::vector<api::BackendView>{} : views_.leaving();
    std::size_t backends = 0;
    bool full = false;
    for (const Service& one : controller_.running().services) {
        if (!matches(one, query.find) || view.matching++ < query.from || full) {
            continue;
        }
        backends += one.backends.size();
        full = view.services.size() >= most_services || (backends > most_backends && !view.services.empty());
        if (!full) {
            view.services.push_back(service(one, leaving));
        }
    }
}

void StatusPage::add_proxies(PageView& view) const {
    const auto& ids = controller_.identities();
    std::map<policy::Id, const policy::EndpointKey*> endpoints;
    for (const auto& [key, id] : ids.endpoints.all()) {
        endpoints.emplace(id, &key);
    }
    for (const ProxyPool& pool : controller_.running().pools) {
        for (const Address& address : pool.each_address()) {
            PageView::Proxy proxy{.pool = pool.name, .address = address.text(), .towards = {}};
            const auto id = ids.proxies.find(address);
            const auto use = id ? pressure_.proxies().find(*id) : pressure_.proxies().end();
            if (use != pressure_.proxies().end()) {
                proxy.in_use = use->second.in_use;
                proxy.fullest = use->second.fullest_in_use;
                proxy.capacity = use->second.capacity;
                if (const auto found = endpoints.find(use->second.fullest); found != endpoints.end()) {
                    proxy.towards =
                        fmt::format("{}://{}", protocol_name(found->second->protocol), found->second->address.text());
                }
            }
            view.proxies.push_back(std::move(proxy));
        }
    }
    view.proxies_total = view.proxies.size();
    if (view.proxies.size() > most_proxies) {
        std::ranges::stable_sort(view.proxies, std::greater{}, fullness);
        view.proxies.resize(most_proxies);
    }
}

std::vector<PageView::Drop> StatusPage::drops() const {
    std::vector<PageView::Drop> out;
    for (const auto& [reason, count] : dataplane_.drops()) {
        if (count == 0) {
            continue;
        }
        PageView::Drop drop{.reason = reason,
                            .help = help_of(reason),
                            .count = count,
                            .refuses = refuses(reason),
                            .growing = history_.growing(reason).has_value()};
        if (const auto known = history_.drops().find(reason); known != history_.drops().end()) {
            drop.history = known->second.rate;
            drop.rate = drop.history.last();
        }
        out.push_back(std::move(drop));
    }
    return out;
}

PageView StatusPage::look(const PageQuery& query) const {
    PageView view;
    view.host = host_;
    view.status = views_.status();
    view.counts = count();
    view.query = query;
    add_services(query, view);
    add_proxies(view);
    view.drops = drops();
    view.problems = find_problems({.controller = controller_,
                                   .views = views_,
                                   .neighbourhood = neighbourhood_,
                                   .pressure = pressure_,
                                   .history = history_},
                                  view.status, view.drops);
    view.totals = history_.totals();
    view.sampled_backends = history_.backends();
    return view;
}

} // namespace proxip::app
