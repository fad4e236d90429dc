#include "model/diff.hpp"

#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "model/codec.hpp"

namespace proxip {

namespace {

std::string text_of(const std::string& value) {
    return value.empty() ? "\"\"" : value;
}
std::string text_of(std::uint32_t value) {
    return fmt::format("{}", value);
}
std::string text_of(bool value) {
    return value ? "true" : "false";
}
std::string text_of(Millis value) {
    return duration_text(value);
}
std::string text_of(const Interface& value) {
    return value.xdp_mode ? fmt::format("{} ({})", value.name, enum_name(*value.xdp_mode)) : value.name;
}
template <typename T>
    requires std::is_enum_v<T>
std::string text_of(T value) {
    return std::string{enum_name(value)};
}
template <typename T>
    requires requires(const T& value) { value.text(); }
std::string text_of(const T& value) {
    return value.text();
}
template <typename T>
std::string text_of(const std::optional<T>& value) {
    return value ? text_of(*value) : "not set";
}
template <typename T>
std::string text_of(const std::vector<T>& values) {
    std::vector<std::string> parts;
    parts.reserve(values.size());
    for (const T& value : values) {
        parts.push_back(text_of(value));
    }
    return fmt::format("[{}]", fmt::join(parts, ", "));
}

// Bytes for the wire may hold what a terminal must not see.
std::string escaped(const std::string& bytes) {
    return nlohmann::json(bytes).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// What an object that comes or goes as a whole is, in a few words.
std::string summary(const ProxyPool& pool) {
    return fmt::format("{} ports {}", text_of(pool.addresses), pool.ports.text());
}
std::string summary(const Service& service) {
    return fmt::format("{}, {} backend{}", service.address.text(), service.backends.size(),
                       service.backends.size() == 1 ? "" : "s");
}
std::string summary(const Backend& backend) {
    return fmt::format("weight {}{}", backend.weight, backend.backup ? ", backup" : "");
}

std::string name_of(const ProxyPool& pool) {
    return fmt::format("pool[{}]", pool.name);
}
std::string name_of(const Service& service) {
    return fmt::format("service[{}]", service.name);
}
std::string name_of(const Backend& backend) {
    return fmt::format("backend[{}]", backend.address.text());
}

class Comparison {
  public:
    std::vector<Change> changes;

    template <typename T>
    void value(const std::string& path, const T& from, const T& to) {
        if (from != to) {
            changes.push_back({.action = "change", .path = path, .from = text_of(from), .to = text_of(to)});
        }
    }

    // Objects are told apart by their names; their order means nothing. Removed ones first: what they held is free
    // then.
    template <typename T>
    void objects(const std::string& prefix, const std::vector<T>& from, const std::vector<T>& to) {
        std::unordered_map<std::string, const T*> before;
        std::unordered_map<std::string, const T*> after;
        for (const T& object : from) {
            before.emplace(name_of(object), &object);
        }
        for (const T& object : to) {
            after.emplace(name_of(object), &object);
        }
        for (const T& object : from) {
            const std::string name = name_of(object);
            if (!after.contains(name)) {
                changes.push_back({.action = "remove", .path = prefix + name, .from = summary(object), .to = {}});
            }
        }
        for (const T& object : to) {
            const std::string name = name_of(object);
            if (const auto found = before.find(name); found != before.end()) {
                inside(prefix + name + '.', *found->second, object);
            } else {
                changes.push_back({.action = "add", .path = prefix + name, .from = {}, .to = summary(object)});
            }
        }
    }

    void inside(const std::string& at, const AgentConfig& from, const AgentConfig& to) {
        value(at + "interfaces", from.interfaces, to.interfaces);
        value(at + "xdp_mode", from.xdp_mode, to.xdp_mode);
        value(at + "metrics", from.metrics, to.metrics);
        const std::size_t before = changes.size();
        value(at + "max_connections", from.max_connections, to.max_connections);
        if (changes.size() > before) {
            changes.back().restart = true;
        }
        if (from.max_port_memory != to.max_port_memory) {
            value(at + "max_port_memory", bytes_text(from.max_port_memory), bytes_text(to.max_port_memory));
        }
        value(at + "inline_networks", from.inline_networks, to.inline_networks);
        inside(at + "nat_log.", from.nat_log, to.nat_log);
    }

  private:
    void inside(const std::string& at, const NatLogConfig& from, const NatLogConfig& to) {
        value(at + "enabled", from.enabled, to.enabled);
        value(at + "keep", from.keep, to.keep);
        if (from.max_size != to.max_size) {
            value(at + "max_size", bytes_text(from.max_size), bytes_text(to.max_size));
        }
        if (from.buffer != to.buffer) {
            value(at + "buffer", bytes_text(from.buffer), bytes_text(to.buffer));
            changes.back().restart = true;
        }
        value(at + "destinations", from.destinations, to.destinations);
        value(at + "json", from.json, to.json);
    }

    void inside(const std::string& at, const ProxyPool& from, const ProxyPool& to) {
        value(at + "addresses", from.addresses, to.addresses);
        value(at + "ports", from.ports, to.ports);
        value(at + "exclude_ports", from.exclude_ports, to.exclude_ports);
        value(at + "max_ports_per_client", from.max_ports_per_client, to.max_ports_per_client);
    }

    void inside(const std::string& at, const Backend& from, const Backend& to) {
        value(at + "weight", from.weight, to.weight);
        value(at + "backup", from.backup, to.backup);
        value(at + "max_connections", from.max_connections, to.max_connections);
        value(at + "enabled", from.enabled, to.enabled);
    }

    void inside(const std::string& at, const IdleTimeouts& from, const IdleTimeouts& to) {
        value(at + "syn", from.syn, to.syn);
        value(at + "established", from.established, to.established);
        value(at + "closing", from.closing, to.closing);
        value(at + "closed", from.closed, to.closed);
        value(at + "udp", from.udp, to.udp);
    }

    void inside(const std::string& at, const Check& from, const Check& to) {
        value(at + "type", from.type, to.type);
        value(at + "port", from.port.transform([](std::uint16_t port) { return std::uint32_t{port}; }),
              to.port.transform([](std::uint16_t port) { return std::uint32_t{port}; }));
        value(at + "path", from.path, to.path);
        value(at + "host", from.host, to.host);
        value(at + "status", from.status, to.status);
        value(at + "verify", from.verify, to.verify);
        value(at + "ca_file", from.ca_file, to.ca_file);
        value(at + "send", escaped(from.send), escaped(to.send));
        value(at + "expect", escaped(from.expect), escaped(to.expect));
        value(at + "interval", from.interval, to.interval);
        value(at + "timeout", from.timeout, to.timeout);
        value(at + "rise", from.rise, to.rise);
        value(at + "fall", from.fall, to.fall);
        value(at + "jitter", from.jitter, to.jitter);
    }

    void inside(const std::string& at, const Service& from, const Service& to) {
        value(at + "address", from.address, to.address);
        value(at + "scheduler", from.scheduler, to.scheduler);
        value(at + "snat", from.snat, to.snat);
        value(at + "pool", from.pool, to.pool);
        value(at + "affinity", from.affinity, to.affinity);
        value(at + "on_idle", from.on_idle, to.on_idle);
        value(at + "allow", from.allow, to.allow);
        inside(at + "idle_timeout.", from.idle_timeout, to.idle_timeout);
        value(at + "on_failure", from.on_failure, to.on_failure);
        value(at + "on_down", from.on_down, to.on_down);
        value(at + "on_all_down", from.on_all_down, to.on_all_down);
        value(at + "min_up", from.min_up, to.min_up);
        value(at + "slow_start", from.slow_start, to.slow_start);
        value(at + "max_connections", from.max_connections, to.max_connections);
        value(at + "max_connections_per_client", from.max_connections_per_client, to.max_connections_per_client);
        inside(at + "check.", from.check, to.check);
        objects(at, from.backends, to.backends);
    }
};

} // namespace

std::vector<Change> diff(const Config& running, const Config& desired) {
    Comparison comparison;
    comparison.inside("agent.", running.agent, desired.agent);
    comparison.objects("", running.pools, desired.pools);
    comparison.objects("", running.services, desired.services);
    return std::move(comparison.changes);
}

} // namespace proxip
