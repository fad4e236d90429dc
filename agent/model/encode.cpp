#include "model/encode.hpp"

#include "model/codec.hpp"

namespace proxip {

namespace {

Ordered encode_interface(const Interface& interface) {
    if (!interface.xdp_mode) {
        return interface.name;
    }
    return {{"name", interface.name}, {"xdp_mode", enum_name(*interface.xdp_mode)}};
}

Ordered encode_nat_log(const NatLogConfig& log) {
    return {
        {"enabled", log.enabled},           {"keep", duration_text(log.keep)},  {"max_size", bytes_text(log.max_size)},
        {"buffer", bytes_text(log.buffer)}, {"destinations", log.destinations}, {"json", log.json}};
}

Ordered encode_agent(const AgentConfig& agent) {
    Ordered out = Ordered::object();
    out["interfaces"] = Ordered::array();
    for (const Interface& interface : agent.interfaces) {
        out["interfaces"].push_back(encode_interface(interface));
    }
    out["xdp_mode"] = enum_name(agent.xdp_mode);
    out["metrics"] = agent.metrics;
    out["max_connections"] = agent.max_connections;
    out["max_port_memory"] = bytes_text(agent.max_port_memory);
    out["inline_networks"] = Ordered::array();
    for (const Prefix& network : agent.inline_networks) {
        out["inline_networks"].push_back(network.text());
    }
    if (agent.nat_log != NatLogConfig{}) {
        out["nat_log"] = encode_nat_log(agent.nat_log);
    }
    return out;
}

template <typename T>
void put_changed(Ordered& out, const char* key, const T& value, const T& standard, Ordered text) {
    if (value != standard) {
        out[key] = std::move(text);
    }
}

Ordered encode_pool(const ProxyPool& pool) {
    Ordered out = {{"name", pool.name}, {"addresses", Ordered::array()}, {"ports", pool.ports.text()}};
    for (const AddressRange& range : pool.addresses) {
        out["addresses"].push_back(range.text());
    }
    for (const PortRange& ports : pool.exclude_ports) {
        out["exclude_ports"].push_back(ports.text());
    }
    put_changed(out, "max_ports_per_client", pool.max_ports_per_client, 0U, pool.max_ports_per_client);
    return out;
}

Ordered encode_idle(const IdleTimeouts& timeouts) {
    const IdleTimeouts standard;
    Ordered out = Ordered::object();
    const auto put = [&out](const char* key, Millis value, Millis usual) {
        put_changed(out, key, value, usual, duration_text(value));
    };
    put("syn", timeouts.syn, standard.syn);
    put("established", timeouts.established, standard.established);
    put("closing", timeouts.closing, standard.closing);
    put("closed", timeouts.closed, standard.closed);
    put("udp", timeouts.udp, standard.udp);
    return out;
}

Ordered encode_check(const Check& check) {
    const Check standard;
    Ordered out = {{"type", enum_name(check.type)}};
    if (check.port) {
        out["port"] = *check.port;
    }
    put_changed(out, "path", check.path, standard.path, check.path);
    put_changed(out, "host", check.host, standard.host, check.host);
    put_changed(out, "status", check.status, standard.status, check.status.text());
    put_changed(out, "verify", check.verify, standard.verify, check.verify);
    put_changed(out, "ca_file", check.ca_file, standard.ca_file, check.ca_file);
    put_changed(out, "send", check.send, standard.send, check.send);
    put_changed(out, "expect", check.expect, standard.expect, check.expect);
    put_changed(out, "interval", check.interval, standard.interval, duration_text(check.interval));
    put_changed(out, "timeout", check.timeout, standard.timeout, duration_text(check.timeout));
    put_changed(out, "rise", check.rise, standard.rise, check.rise);
    put_changed(out, "fall", check.fall, standard.fall, check.fall);
    if (check.jitter) {
        out["jitter"] = duration_text(*check.jitter);
    }
    return out;
}

Ordered encode_backend(const Backend& backend) {
    Ordered out = {{"address", backend.address.text()}, {"weight", backend.weight}};
    if (backend.backup) {
        out["backup"] = true;
    }
    put_changed(out, "max_connections", backend.max_connections, 0U, backend.max_connections);
    if (backend.enabled) {
        out["enabled"] = *backend.enabled;
    }
    return out;
}

Ordered encode_service(const Service& service) {
    Ordered out = {{"name", service.name},
                   {"address", service.address.text()},
                   {"scheduler", enum_name(service.scheduler)},
                   {"snat", enum_name(service.snat)},
                   {"pool", service.pool}};
    put_changed(out, "affinity", service.affinity, Millis{0}, duration_text(service.affinity));
    if (service.idle_timeout != IdleTimeouts{}) {
        out["idle_timeout"] = encode_idle(service.idle_timeout);
    }
    put_changed(out, "on_idle", service.on_idle, OnIdle::silent, enum_name(service.on_idle));
    out["on_failure"] = enum_name(service.on_failure);
    const Service standard;
    put_changed(out, "on_down", service.on_down, standard.on_down, enum_name(service.on_down));
    put_changed(out, "on_all_down", service.on_all_down, standard.on_all_down, enum_name(service.on_all_down));
    put_changed(out, "min_up", service.min_up, standard.min_up, service.min_up);
    put_changed(out, "slow_start", service.slow_start, standard.slow_start, duration_text(service.slow_start));
    put_changed(out, "max_connections", service.max_connections, 0U, service.max_connections);
    put_changed(out, "max_connections_per_client", service.max_connections_per_client, 0U,
                service.max_connections_per_client);
    for (const Prefix& prefix : service.allow) {
        out["allow"].push_back(prefix.text());
    }
    if (service.check != Check{}) {
        out["check"] = encode_check(service.check);
    }
    for (const Backend& backend : service.backends) {
        out["backend"].push_back(encode_backend(backend));
    }
    return out;
}

} // namespace

Ordered encode(const Config& config) {
    Ordered out = {{"agent", encode_agent(config.agent)}};
    for (const ProxyPool& pool : config.pools) {
        out["proxy_pool"].push_back(encode_pool(pool));
    }
    for (const Service& service : config.services) {
        out["service"].push_back(encode_service(service));
    }
    return out;
}

nlohmann::json to_json(const Config& config) {
    return encode(config);
}
nlohmann::json to_json(const Service& service) {
    return encode_service(service);
}
nlohmann::json to_json(const Backend& backend) {
    return encode_backend(backend);
}
nlohmann::json to_json(const ProxyPool& pool) {
    return encode_pool(pool);
}
nlohmann::json to_json(const Check& check) {
    return encode_check(check);
}
nlohmann::json to_json(const IdleTimeouts& timeouts) {
    return encode_idle(timeouts);
}

std::string write_config(const Config& config, Format format) {
    const Ordered value = encode(config);
    if (format == Format::toml) {
        return toml_text(value);
    }
    constexpr int indent = 2;
    return value.dump(indent, ' ', false, Ordered::error_handler_t::replace) + '\n';
}

} // namespace proxip
