#include "app/page_view.hpp"

#include <cmath>

#include <nlohmann/json.hpp>

namespace proxip::app {

namespace {

using Json = nlohmann::json;

// Four digits are more than a page shows, and far fewer bytes.
Json short_number(double value) {
    if (!std::isfinite(value)) {
        return nullptr;
    }
    if (value == 0) {
        return 0;
    }
    const double unit = std::pow(10.0, std::abs(std::floor(std::log10(std::abs(value))) - 3));
    if (std::abs(value) >= 1000) {
        return static_cast<std::uint64_t>(std::round(value / unit) * unit); // no rate is near 2^64
    }
    return std::round(value * unit) / unit;
}

Json number(const std::optional<double>& value) {
    return value ? short_number(*value) : Json(nullptr);
}

Json json_of(const policy::Series& series) {
    Json out = Json::array();
    for (const float value : series.values()) {
        out.push_back(short_number(value));
    }
    return out;
}

Json json_of(const std::optional<policy::TrafficRates>& rates) {
    if (!rates) {
        return nullptr;
    }
    return {{"opened", short_number(rates->opened)},
            {"packets_in", short_number(rates->packets_in)},
            {"packets_out", short_number(rates->packets_out)},
            {"bits_in", short_number(rates->bits_in)},
            {"bits_out", short_number(rates->bits_out)}};
}

std::string_view severity_name(Severity severity) {
    switch (severity) {
    case Severity::critical: return "critical";
    case Severity::warning: return "warning";
    case Severity::notice: break;
    }
    return "notice";
}

Json json_of(const Problem& problem) {
    return {{"severity", severity_name(problem.severity)},
            {"kind", problem.kind},
            {"subject", problem.subject},
            {"text", problem.text},
            {"service", problem.service.empty() ? Json(nullptr) : Json(problem.service)},
            {"since_seconds", number(problem.since_seconds)}};
}

Json json_of(const PageView::Backend& backend) {
    const api::BackendView& view = backend.view;
    return {{"address", view.address},
            {"state", view.state},
            {"health", view.health},
            {"backup", view.backup},
            {"weight", view.weight},
            {"share", short_number(view.share)},
            {"connections", view.connections},
            {"last_check", view.last_check},
            {"health_seconds", number(view.health_seconds)},
            {"check_seconds", number(view.check_seconds)},
            {"rates", json_of(backend.rates)}};
}

Json json_of(const PageView::Service& service);
Json json_of(const PageView::Proxy& proxy);
Json json_of(const PageView::Drop& drop);

template <typename T>
Json array_of(const std::vector<T>& values) {
    Json out = Json::array();
    for (const T& value : values) {
        out.push_back(json_of(value));
    }
    return out;
}

Json json_of(const PageView::Service& service) {
    Json out{{"name", service.name}, {"address", service.address}, {"scheduler", service.scheduler},
             {"snat", service.snat}, {"pool", service.pool},       {"connections", service.connections},
             {"rates", nullptr},     {"history", nullptr},         {"backends", array_of(service.backends)}};
    if (service.history) {
        out["rates"] = json_of(service.history->rates);
        out["history"] = {{"opened", json_of(service.history->opened)}, {"bits", json_of(service.history->bits)}};
    }
    return out;
}

Json json_of(const PageView::Proxy& proxy) {
    return {{"pool", proxy.pool},       {"address", proxy.address},   {"in_use", proxy.in_use},
            {"fullest", proxy.fullest}, {"capacity", proxy.capacity}, {"towards", proxy.towards}};
}

Json json_of(const PageView::Drop& drop) {
    return {{"reason", drop.reason},           {"help", drop.help},       {"count", drop.count},
            {"rate", number(drop.rate)},       {"refuses", drop.refuses}, {"growing", drop.growing},
            {"history", json_of(drop.history)}};
}

Json agent_json(const PageView& view) {
    const api::Status& status = view.status;
    Json interfaces = Json::array();
    for (const auto& interface : status.interfaces) {
        interfaces.push_back({{"name", interface.name}, {"xdp_mode", interface.xdp_mode}});
    }
    Json out{{"host", view.host},
             {"version", status.version},
             {"generation", status.generation},
             {"drift", status.drift},
             {"uptime_seconds", std::floor(status.uptime_seconds)},
             {"connections", status.connections},
             {"max_connections", status.max_connections},
             {"interfaces", std::move(interfaces)}};
    return out;
}

Json totals_json(const PageView& view) {
    const auto& totals = view.totals;
    return {{"interval_seconds", policy::History::interval.count()},
            {"points", policy::Series::room},
            {"sampled_backends", view.sampled_backends},
            {"rates", json_of(totals.rates)},
            {"drop_rate", number(totals.drops.last())},
            {"connections", json_of(totals.connections)},
            {"opened", json_of(totals.opened)},
            {"bits_in", json_of(totals.bits_in)},
            {"bits_out", json_of(totals.bits_out)},
            {"drops", json_of(totals.drops)}};
}

} // namespace

void Problems::add(Problem problem) {
    if (shown.size() < most_problems) {
        shown.push_back(std::move(problem));
    }
    ++total;
}

std::string page_json(const PageView& view) {
    const auto& counts = view.counts;
    const Json out{{"format", page_format},
                   {"agent", agent_json(view)},
                   {"counts",
                    {{"services", counts.services},
                     {"backends", counts.backends},
                     {"up", counts.up},
                     {"down", counts.down},
                     {"drain", counts.drain},
                     {"disabled", counts.disabled}}},
                   {"problems", {{"total", view.problems.total}, {"shown", array_of(view.problems.shown)}}},
                   {"services",
                    {{"find", view.query.find},
                     {"from", view.query.from},
                     {"matching", view.matching},
                     {"shown", array_of(view.services)}}},
                   {"proxies", {{"total", view.proxies_total}, {"shown", array_of(view.proxies)}}},
                   {"drops", array_of(view.drops)},
                   {"totals", totals_json(view)}};
    // A server's answer may be part of a check's text, and need not be UTF-8.
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace proxip::app
