#include "app/metrics.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace proxip::app {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Family {
  public:
    Family(std::string name, std::string help, MetricType type) {
        family_.name = std::move(name);
        family_.help = std::move(help);
        family_.type = type;
    }

    template <typename Number>
    Family& add(Number value, Labels labels = {}) {
        ClientMetric metric;
        metric.label = std::move(labels);
        if (family_.type == MetricType::Counter) {
            metric.counter.value = static_cast<double>(value);
        } else {
            metric.gauge.value = static_cast<double>(value);
        }
        family_.metric.push_back(std::move(metric));
        return *this;
    }
    [[nodiscard]] MetricFamily take() { return std::move(family_); }

  private:
    MetricFamily family_;
};

Family gauge(std::string name, std::string help) {
    return {std::move(name), std::move(help), MetricType::Gauge};
}
Family counter(std::string name, std::string help) {
    return {std::move(name), std::move(help), MetricType::Counter};
}

void add_agent(const api::Status& status, std::vector<MetricFamily>& out) {
    const auto one = [&](const char* name, const char* help, auto value) {
        out.push_back(gauge(name, help).add(value).take());
    };
    out.push_back(gauge("proxip_build_info", "Version of the agent").add(1, {{"version", status.version}}).take());
    one("proxip_generation", "Generation of the configuration that the data plane runs", status.generation);
    one("proxip_config_drift", "1: what runs is not what was last applied", status.drift ? 1 : 0);
    one("proxip_agent_uptime_seconds", "Time since the agent started", status.uptime_seconds);
    one("proxip_warnings", "Warnings that lbctl status shows", status.warnings.size());
    one("proxip_connections", "Live connections", status.connections);
    one("proxip_max_connections", "Connections that the table has room for", status.max_connections);
    auto interfaces = gauge("proxip_interface_attached", "Interfaces that the program is attached to");
    for (const auto& interface : status.interfaces) {
        interfaces.add(1, {{"interface", interface.name}, {"xdp_mode", interface.xdp_mode}});
    }
    out.push_back(interfaces.take());
}

void add_counts(const Readings& readings, std::vector<MetricFamily>& out) {
    auto drops = counter("proxip_drops_total", "Packets that were dropped, by reason (lbctl drops)");
    for (const auto& [reason, count] : readings.drops) {
        drops.add(count, {{"reason", reason}});
    }
    out.push_back(drops.take());
    auto events = counter("proxip_events_total", "What else the data plane counts");
    for (const auto& [event, count] : readings.events) {
        events.add(count, {{"event", event}});
    }
    out.push_back(events.take());
}

void add_backends(const Readings& readings, std::vector<MetricFamily>& out) {
    auto up = gauge("proxip_backend_up", "1: the backend may get new connections");
    auto healthy = gauge("proxip_backend_healthy", "1: its checks found it well, or there is none yet");
    auto share = gauge("proxip_backend_share_ratio", "Its part of the service's new connections");
    for (const auto& backend : readings.backends) {
        if (backend.state == "leaving") { // of a former configuration: it may have a namesake in this one
            continue;
        }
        const Labels labels{{"service", backend.service}, {"backend", backend.address}};
        up.add(backend.state == "up" ? 1 : 0, labels);
        healthy.add(backend.health == "down" ? 0 : 1, labels);
        share.add(backend.share, labels);
    }
    out.push_back(up.take());
    out.push_back(healthy.take());
    out.push_back(share.take());
}

void add_traffic(const Readings& readings, std::vector<MetricFamily>& out) {
    auto live = gauge("proxip_backend_connections", "Live connections of a backend, in one service");
    auto opened = counter("proxip_backend_connections_opened_total", "Connections that it was given");
    auto packets = counter("proxip_backend_packets_total", "Packets; in: from clients");
    auto bytes = counter("proxip_backend_bytes_total", "Bytes of IP packets; in: from clients");
    for (const auto& service : readings.stats) {
        for (const auto& backend : service.backends) {
            const auto labels = [&](const char* direction = nullptr) {
                Labels of{{"service", service.service}, {"backend", backend.address}};
                if (direction != nullptr) {
                    of.push_back({"direction", direction});
                }
                return of;
            };
            live.add(backend.connections, labels());
            opened.add(backend.connections_total, labels());
            packets.add(backend.packets.in, labels("in")).add(backend.packets.out, labels("out"));
            bytes.add(backend.bytes.in, labels("in")).add(backend.bytes.out, labels("out"));
        }
    }
    for (Family* family : {&live, &opened, &packets, &bytes}) {
        out.push_back(family->take());
    }
}

// Of a Proxy IP towards the endpoint that has taken most of it: that one runs out first.
void add_pools(const Readings& readings, std::vector<MetricFamily>& out) {
    auto in_use = gauge("proxip_proxy_ports_in_use", "Proxy ports in use, towards all backends together");
    auto fullest = gauge("proxip_proxy_ports_used_ratio", "Of the ports towards the backend that has taken most");
    for (const auto& pool : readings.pools) {
        for (const auto& address : pool.addresses) {
            const Labels labels{{"pool", pool.name}, {"proxy", address.address}};
            double most = 0;
            for (const auto& endpoint : address.endpoints) {
                const double ratio = endpoint.capacity == 0 ? 0.0
                                                            : static_cast<double>(endpoint.in_use) /
                                                                  static_cast<double>(endpoint.capacity);
                most = endpoint.former ? most : std::max(most, ratio);
            }
            in_use.add(address.in_use, labels);
            fullest.add(most, labels);
        }
    }
    out.push_back(in_use.take());
    out.push_back(fullest.take());
}

void add_nat_log(const NatReadings& nat, std::vector<MetricFamily>& out) {
    out.push_back(counter("proxip_nat_log_events_total",
                          "Connections that the NAT log heard begin or end, since the agent started")
                      .add(nat.events)
                      .take());
    out.push_back(
        counter("proxip_nat_log_lost_total", "Those that it did not hear of, or could not write").add(nat.lost).take());
    out.push_back(counter("proxip_nat_log_json_lost_total", "Lines that agent.nat_log.json did not take")
                      .add(nat.lines_lost)
                      .take());
    out.push_back(gauge("proxip_nat_log_bytes", "What the NAT log takes on the disk").add(nat.bytes).take());
}

} // namespace

std::string metrics_text(const Readings& readings) {
    std::vector<MetricFamily> families;
    add_agent(readings.status, families);
    add_counts(readings, families);
    add_backends(readings, families);
    add_traffic(readings, families);
    add_pools(readings, families);
    add_nat_log(readings.nat, families);
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    return out.str();
}

} // namespace proxip::app
