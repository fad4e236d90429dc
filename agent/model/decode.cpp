// The schema, as tables of fields: one for each table of the configuration file.

#include "model/decode.hpp"

#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

#include "model/codec.hpp"
#include "model/reader.hpp"

namespace proxip {

namespace {

using nlohmann::json;

// ---- values ---------------------------------------------------------------------------------------------------------

template <typename Enum>
Trouble read_enum(const Reader& reader, Enum& out) {
    return read_text<Enum>(reader, parse_enum<Enum>, out);
}

Trouble read_duration(const Reader& reader, Millis& out) {
    return read_text<Millis>(reader, parse_duration, out);
}

Trouble read_ports(const Reader& reader, PortRange& out) {
    if (reader.value().is_number()) {
        constexpr std::uint16_t highest = std::numeric_limits<std::uint16_t>::max();
        const Trouble trouble = read_whole<std::uint16_t>(reader, 1, highest, out.first);
        out.last = out.first;
        return trouble;
    }
    return read_text<PortRange>(reader, [](std::string_view text) { return PortRange::parse(text); }, out);
}

Trouble read_bytes(const Reader& reader, std::uint64_t& out) {
    if (reader.value().is_string()) {
        return read_text<std::uint64_t>(reader, parse_bytes, out);
    }
    if (!reader.value().is_number_integer()) {
        return reader.expected("a size such as \"256MiB\", or a number of bytes");
    }
    return read_whole<std::uint64_t>(reader, 0, std::numeric_limits<std::uint64_t>::max(), out);
}

Trouble read_range(const Reader& reader, AddressRange& out) {
    return read_text<AddressRange>(reader, AddressRange::parse, out);
}

Trouble read_prefix(const Reader& reader, Prefix& out) {
    return read_text<Prefix>(reader, Prefix::parse, out);
}

// ---- [agent] --------------------------------------------------------------------------------------------------------

constexpr Field<Interface> interface_fields[] = {
    {.key = "name", .read = [](const Reader& r, Interface& i) { return read_string(r, i.name); }, .required = true},
    {.key = "xdp_mode", .read = [](const Reader& r, Interface& i) { return read_enum(r, i.xdp_mode.emplace()); }},
};

Trouble read_interface(const Reader& reader, Interface& out) {
    if (reader.value().is_string()) {
        return read_string(reader, out.name);
    }
    if (!reader.value().is_object()) {
        return reader.expected("the name of an interface, or { name = \"eth1\", xdp_mode = \"generic\" }");
    }
    return read_object(reader, interface_fields, out);
}

constexpr Field<NatLogConfig> nat_log_fields[] = {
    {.key = "enabled", .read = [](const Reader& r, NatLogConfig& n) { return read_bool(r, n.enabled); }},
    {.key = "keep", .read = [](const Reader& r, NatLogConfig& n) { return read_duration(r, n.keep); }},
    {.key = "max_size", .read = [](const Reader& r, NatLogConfig& n) { return read_bytes(r, n.max_size); }},
    {.key = "buffer", .read = [](const Reader& r, NatLogConfig& n) { return read_bytes(r, n.buffer); }},
    {.key = "destinations", .read = [](const Reader& r, NatLogConfig& n) { return read_bool(r, n.destinations); }},
    {.key = "json", .read = [](const Reader& r, NatLogConfig& n) { return read_string(r, n.json); }},
};

constexpr Field<AgentConfig> agent_fields[] = {
    {.key = "interfaces",
     .read = [](const Reader& r, AgentConfig& a) { return read_list<Interface>(r, read_interface, a.interfaces); }},
    {.key = "xdp_mode", .read = [](const Reader& r, AgentConfig& a) { return read_enum(r, a.xdp_mode); }},
    {.key = "metrics", .read = [](const Reader& r, AgentConfig& a) { return read_string(r, a.metrics); }},
    {.key = "max_connections",
     .read =
         [](const Reader& r, AgentConfig& a) {
             return read_whole(r, limits::min_connections, limits::max_connections, a.max_connections);
         }},
    {.key = "max_port_memory",
     .read = [](const Reader& r, AgentConfig& a) { return read_bytes(r, a.max_port_memory); }},
    {.key = "inline_networks",
     .read = [](const Reader& r, AgentConfig& a) { return read_list<Prefix>(r, read_prefix, a.inline_networks); }},
    {.key = "nat_log",
     .read = [](const Reader& r, AgentConfig& a) { return read_object(r, nat_log_fields, a.nat_log); }},
};

// ---- [[proxy_pool]] -------------------------------------------------------------------------------------------------

constexpr Field<ProxyPool> pool_fields[] = {
    {.key = "name", .read = [](const Reader& r, ProxyPool& p) { return read_string(r, p.name); }, .required = true},
    {.key = "addresses",
     .read = [](const Reader& r, ProxyPool& p) { return read_list<AddressRange>(r, read_range, p.addresses); },
     .required = true},
    {.key = "ports", .read = [](const Reader& r, ProxyPool& p) { return read_ports(r, p.ports); }},
    {.key = "exclude_ports",
     .read = [](const Reader& r, ProxyPool& p) { return read_list<PortRange>(r, read_ports, p.exclude_ports); }},
    {.key = "max_ports_per_client",
     .read = [](const Reader& r,
                ProxyPool& p) { return read_whole(r, 0U, limits::max_connections, p.max_ports_per_client); }},
};

Trouble read_pool(const Reader& reader, ProxyPool& out) {
    return read_object(reader, pool_fields, out);
}

// ---- [[service]] ----------------------------------------------------------------------------------------------------

constexpr Field<IdleTimeouts> idle_fields[] = {
    {.key = "syn", .read = [](const Reader& r, IdleTimeouts& t) { return read_duration(r, t.syn); }},
    {.key = "established", .read = [](const Reader& r, IdleTimeouts& t) { return read_duration(r, t.established); }},
    {.key = "closing", .read = [](const Reader& r, IdleTimeouts& t) { return read_duration(r, t.closing); }},
    {.key = "closed", .read = [](const Reader& r, IdleTimeouts& t) { return read_duration(r, t.closed); }},
    {.key = "udp", .read = [](const Reader& r, IdleTimeouts& t) { return read_duration(r, t.udp); }},
};

Trouble read_idle(const Reader& reader, IdleTimeouts& out) {
    return read_object(reader, idle_fields, out);
}

// 200, "200-399", or a list of such.
Trouble read_status(const Reader& reader, StatusSet& out) {
    if (!reader.value().is_array()) {
        return reader.value().is_number_integer()
                   ? read_parsed<StatusSet>(reader, StatusSet::parse, reader.value().dump(), out)
                   : read_text<StatusSet>(reader, StatusSet::parse, out);
    }
    std::vector<StatusSet> parts;
    if (Trouble trouble = read_list<StatusSet>(reader, read_status, parts)) {
        return trouble;
    }
    std::string all;
    for (const StatusSet& part : parts) {
        all += all.empty() ? "" : ",";
        all += part.text();
    }
    return read_parsed<StatusSet>(reader, StatusSet::parse, all, out);
}

constexpr Field<Check> check_fields[] = {
    {.key = "type", .read = [](const Reader& r, Check& c) { return read_enum(r, c.type); }},
    {.key = "port",
     .read = [](const Reader& r, Check& c) { return read_whole<std::uint16_t>(r, 1, 65535, c.port.emplace()); }},
    {.key = "path", .read = [](const Reader& r, Check& c) { return read_string(r, c.path); }},
    {.key = "host", .read = [](const Reader& r, Check& c) { return read_string(r, c.host); }},
    {.key = "status", .read = [](const Reader& r, Check& c) { return read_status(r, c.status); }},
    {.key = "verify", .read = [](const Reader& r, Check& c) { return read_bool(r, c.verify); }},
    {.key = "ca_file", .read = [](const Reader& r, Check& c) { return read_string(r, c.ca_file); }},
    {.key = "send", .read = [](const Reader& r, Check& c) { return read_string(r, c.send); }},
    {.key = "expect", .read = [](const Reader& r, Check& c) { return read_string(r, c.expect); }},
    {.key = "interval", .read = [](const Reader& r, Check& c) { return read_duration(r, c.interval); }},
    {.key = "timeout", .read = [](const Reader& r, Check& c) { return read_duration(r, c.timeout); }},
    {.key = "rise", .read = [](const Reader& r, Check& c) { return read_whole(r, 1U, limits::max_rise_fall, c.rise); }},
    {.key = "fall", .read = [](const Reader& r, Check& c) { return read_whole(r, 1U, limits::max_rise_fall, c.fall); }},
    {.key = "jitter", .read = [](const Reader& r, Check& c) { return read_duration(r, c.jitter.emplace()); }},
};

Trouble read_check(const Reader& reader, Check& out) {
    return read_object(reader, check_fields, out);
}

constexpr Field<Backend> backend_fields[] = {
    {.key = "address",
     .read = [](const Reader& r, Backend& b) { return read_text<SocketAddress>(r, SocketAddress::parse, b.address); },
     .required = true},
    {.key = "weight",
     .read = [](const Reader& r, Backend& b) { return read_whole(r, 0U, limits::max_weight, b.weight); }},
    {.key = "backup", .read = [](const Reader& r, Backend& b) { return read_bool(r, b.backup); }},
    {.key = "max_connections",
     .read = [](const Reader& r, Backend& b) { return read_whole(r, 0U, limits::max_connections, b.max_connections); }},
    {.key = "enabled", .read = [](const Reader& r, Backend& b) { return read_bool(r, b.enabled.emplace()); }},
};

Trouble read_backend(const Reader& reader, Backend& out) {
    return read_object(reader, backend_fields, out);
}

// Everyone of both families is what no list means.
Trouble read_allow(const Reader& reader, Service& service) {
    if (Trouble trouble = read_list<Prefix>(reader, read_prefix, service.allow)) {
        return trouble;
    }
    if (service.allow.empty()) {
        return reader.misfit("expected at least one prefix; everyone is [\"0.0.0.0/0\", \"::/0\"]");
    }
    const auto has_all = [&](Family family) {
        return std::ranges::any_of(
            service.allow, [&](const Prefix& prefix) { return prefix.length == 0 && prefix.base.family == family; });
    };
    if (has_all(Family::v4) && has_all(Family::v6)) {
        service.allow.clear();
    }
    return {};
}

constexpr Field<Service> service_fields[] = {
    {.key = "name", .read = [](const Reader& r, Service& s) { return read_string(r, s.name); }, .required = true},
    {.key = "address",
     .read = [](const Reader& r, Service& s) { return read_text<ServiceAddress>(r, ServiceAddress::parse, s.address); },
     .required = true},
    {.key = "scheduler", .read = [](const Reader& r, Service& s) { return read_enum(r, s.scheduler); }},
    {.key = "snat", .read = [](const Reader& r, Service& s) { return read_enum(r, s.snat); }},
    {.key = "pool", .read = [](const Reader& r, Service& s) { return read_string(r, s.pool); }},
    {.key = "affinity", .read = [](const Reader& r, Service& s) { return read_duration(r, s.affinity); }},
    {.key = "idle_timeout", .read = [](const Reader& r, Service& s) { return read_idle(r, s.idle_timeout); }},
    {.key = "on_idle", .read = [](const Reader& r, Service& s) { return read_enum(r, s.on_idle); }},
    {.key = "on_failure", .read = [](const Reader& r, Service& s) { return read_enum(r, s.on_failure); }},
    {.key = "on_down", .read = [](const Reader& r, Service& s) { return read_enum(r, s.on_down); }},
    {.key = "on_all_down", .read = [](const Reader& r, Service& s) { return read_enum(r, s.on_all_down); }},
    {.key = "min_up",
     .read =
         [](const Reader& r, Service& s) {
             return read_whole(r, 0U, static_cast<std::uint32_t>(limits::max_backends_per_service), s.min_up);
         }},
    {.key = "slow_start", .read = [](const Reader& r, Service& s) { return read_duration(r, s.slow_start); }},
    {.key = "max_connections",
     .read = [](const Reader& r, Service& s) { return read_whole(r, 0U, limits::max_connections, s.max_connections); }},
    {.key = "max_connections_per_client",
     .read = [](const Reader& r,
                Service& s) { return read_whole(r, 0U, limits::max_connections, s.max_connections_per_client); }},
    {.key = "allow", .read = read_allow},
    {.key = "check", .read = [](const Reader& r, Service& s) { return read_check(r, s.check); }},
    {.key = "backend",
     .read = [](const Reader& r, Service& s) { return read_list<Backend>(r, read_backend, s.backends); }},
};

Trouble read_service(const Reader& reader, Service& out) {
    return read_object(reader, service_fields, out);
}

constexpr Field<Config> config_fields[] = {
    {.key = "agent", .read = [](const Reader& r, Config& c) { return read_object(r, agent_fields, c.agent); }},
    {.key = "proxy_pool",
     .read = [](const Reader& r, Config& c) { return read_list<ProxyPool>(r, read_pool, c.pools); }},
    {.key = "service",
     .read = [](const Reader& r, Config& c) { return read_list<Service>(r, read_service, c.services); }},
};

Trouble read_config(const Reader& reader, Config& out) {
    return read_object(reader, config_fields, out);
}

// ---- edges ----------------------------------------------------------------------------------------------------------

template <typename T>
Result<T> from_json(const json& value, Trouble (*read)(const Reader&, T&)) {
    T out{};
    if (Trouble trouble = read(Reader{value}, out)) {
        return fail(ErrorCode::invalid, std::move(trouble->message), path_text(value, trouble->where));
    }
    return out;
}

} // namespace

std::expected<Config, Misfit> decode_config(const json& value) {
    Config config;
    if (Trouble trouble = read_config(Reader{value}, config)) {
        return std::unexpected(std::move(*trouble));
    }
    return config;
}

Result<Config> config_from_json(const json& value) {
    return from_json<Config>(value, read_config);
}
Result<Service> service_from_json(const json& value) {
    return from_json<Service>(value, read_service);
}
Result<Backend> backend_from_json(const json& value) {
    return from_json<Backend>(value, read_backend);
}
Result<ProxyPool> pool_from_json(const json& value) {
    return from_json<ProxyPool>(value, read_pool);
}
Result<Check> check_from_json(const json& value) {
    return from_json<Check>(value, read_check);
}
Result<IdleTimeouts> idle_timeouts_from_json(const json& value) {
    return from_json<IdleTimeouts>(value, read_idle);
}

} // namespace proxip
