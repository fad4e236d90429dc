#pragma once

// The keys of every message: the contract's names stand here and nowhere else. `describe` is called with a Writer or a
// Reader (fields.hpp).

#include <concepts>
#include <type_traits>

#include "api/fields.hpp"
#include "api/messages.hpp"

namespace proxip::api {

// One of several messages, with the name of which: {"request","params"}.
template <>
struct Modelled<Edit> : std::true_type {
    static Result<Edit> read(const Json& value);
};
[[nodiscard]] Json to_json(const Edit& edit);

template <typename T, typename Plain>
concept Of = std::same_as<std::remove_const_t<T>, Plain>;

// ---- requests -------------------------------------------------------------------------------------------------------

template <typename T>
concept Bare = Of<T, StatusRequest> || Of<T, VersionRequest> || Of<T, DropsRequest> || Of<T, DoctorRequest> ||
               Of<T, ConfirmRequest> || Of<T, RollbackRequest>;

template <typename V, Bare T>
void describe(V& /*v*/, T& /*it*/) {}

template <typename V, Of<StatsRequest> T>
void describe(V& v, T& it) {
    v("service", it.service);
}

template <typename V, typename T>
    requires Of<T, ServiceShow> || Of<T, PoolShow>
void describe(V& v, T& it) {
    v("name", it.name);
}

template <typename V, Of<BackendShow> T>
void describe(V& v, T& it) {
    v("service", it.service);
    v("address", it.address);
    v("server", it.server);
}

template <typename V, Of<ConnFilter> T>
void describe(V& v, T& it) {
    v("service", it.service);
    v("client", it.client);
    v("backend", it.backend);
}

template <typename V, Of<ConnShow> T>
void describe(V& v, T& it) {
    describe(v, it.filter);
    v.defaulted("limit", it.limit);
}

template <typename V, Of<ConnCountRequest> T>
void describe(V& v, T& it) {
    describe(v, it.filter);
}

template <typename V, Of<ConnDel> T>
void describe(V& v, T& it) {
    describe(v, it.filter);
    v.defaulted("all", it.all);
}

template <typename V, Of<WhoisRequest> T>
void describe(V& v, T& it) {
    v("proxy", it.proxy);
    v("protocol", it.protocol);
    v("backend", it.backend);
    v("at", it.at);
    v.defaulted("limit", it.limit);
}

template <typename V, Of<ExplainRequest> T>
void describe(V& v, T& it) {
    v("from", it.from);
    v("to", it.to);
    v("interface", it.interface);
    v("flags", it.flags);
}

template <typename V, Of<DumpRequest> T>
void describe(V& v, T& it) {
    v.defaulted("json", it.json);
}

template <typename V, Of<TopRequest> T>
void describe(V& v, T& it) {
    v.defaulted("clients", it.clients);
}

template <typename V, Of<MonitorRequest> T>
void describe(V& v, T& it) {
    v.defaulted("types", it.types);
    v.defaulted("last", it.last);
}

template <typename V, Of<TraceFilter> T>
void describe(V& v, T& it) {
    v("protocol", it.protocol);
    v("client", it.client);
    v("service", it.service);
    v("backend", it.backend);
    v("host", it.host);
    v("port", it.port);
    v.defaulted("drops", it.drops);
}

template <typename V, Of<TraceRequest> T>
void describe(V& v, T& it) {
    describe(v, it.filter);
    v.defaulted("snaplen", it.snaplen);
    v.defaulted("limit", it.limit);
    v.defaulted("frames", it.frames);
}

template <typename V, Of<CheckPatch> T>
void describe(V& v, T& it) {
    v("type", it.type);
    v("port", it.port);
    v("interval", it.interval);
    v("timeout", it.timeout);
    v("rise", it.rise);
    v("fall", it.fall);
    v("jitter", it.jitter);
    v("path", it.path);
    v("host", it.host);
    v("status", it.status);
    v("verify", it.verify);
    v("ca_file", it.ca_file);
    v("send", it.send);
    v("expect", it.expect);
}

template <typename V, Of<IdlePatch> T>
void describe(V& v, T& it) {
    v("syn", it.syn);
    v("established", it.established);
    v("closing", it.closing);
    v("closed", it.closed);
    v("udp", it.udp);
}

template <typename V, Of<ServicePatch> T>
void describe(V& v, T& it) {
    v("scheduler", it.scheduler);
    v("snat", it.snat);
    v("pool", it.pool);
    v("affinity", it.affinity);
    v("on_idle", it.on_idle);
    v("on_failure", it.on_failure);
    v("on_down", it.on_down);
    v("on_all_down", it.on_all_down);
    v("min_up", it.min_up);
    v("slow_start", it.slow_start);
    v("max_connections", it.max_connections);
    v("max_connections_per_client", it.max_connections_per_client);
    v("allow", it.allow);
    v.defaulted("check", it.check);
    v.defaulted("idle_timeout", it.idle_timeout);
}

template <typename V, Of<BackendPatch> T>
void describe(V& v, T& it) {
    v("weight", it.weight);
    v("backup", it.backup);
    v("max_connections", it.max_connections);
}

template <typename V, Of<ServiceAdd> T>
void describe(V& v, T& it) {
    v("service", it.service);
}

template <typename V, Of<ServiceSet> T>
void describe(V& v, T& it) {
    v("name", it.name);
    v("set", it.patch);
}

template <typename V, typename T>
    requires Of<T, ServiceDel> || Of<T, PoolDel>
void describe(V& v, T& it) {
    v("name", it.name);
}

template <typename V, Of<BackendAdd> T>
void describe(V& v, T& it) {
    v("service", it.service);
    v("backends", it.backends);
}

template <typename V, Of<BackendSet> T>
void describe(V& v, T& it) {
    v("service", it.service);
    v("addresses", it.addresses);
    v("set", it.patch);
}

template <typename V, Of<BackendDel> T>
void describe(V& v, T& it) {
    v("service", it.service);
    v("addresses", it.addresses);
    v.defaulted("now", it.now);
}

template <typename V, Of<BackendAdmin> T>
void describe(V& v, T& it) {
    v("service", it.service);
    v("addresses", it.addresses);
    v("admin", it.admin);
}

template <typename V, Of<ServerAdmin> T>
void describe(V& v, T& it) {
    v("address", it.address);
    v("admin", it.admin);
}

template <typename V, Of<Step> T>
void describe(V& v, T& it) {
    v("edit", it.edit);
    v.defaulted("place", it.place);
}

template <typename V, Of<Batch> T>
void describe(V& v, T& it) {
    v("steps", it.steps);
    v.defaulted("dry_run", it.dry_run);
    v("if_generation", it.if_generation);
}

template <typename V, Of<PoolAdd> T>
void describe(V& v, T& it) {
    v("pool", it.pool);
}

template <typename V, Of<PoolSet> T>
void describe(V& v, T& it) {
    v("name", it.name);
    v.defaulted("add", it.add);
    v.defaulted("remove", it.remove);
    v("ports", it.ports);
    v("max_ports_per_client", it.max_ports_per_client);
}

template <typename V, Of<ConfigText> T>
void describe(V& v, T& it) {
    v("text", it.text);
    v("source", it.source);
}

template <typename V, typename T>
    requires Of<T, ValidateRequest> || Of<T, DiffRequest>
void describe(V& v, T& it) {
    describe(v, it.config);
}

template <typename V, Of<ApplyRequest> T>
void describe(V& v, T& it) {
    describe(v, it.config);
    v.defaulted("dry_run", it.dry_run);
    v("if_generation", it.if_generation);
    v("confirm", it.confirm);
}

// ---- answers --------------------------------------------------------------------------------------------------------

template <typename V, Of<Version> T>
void describe(V& v, T& it) {
    v("version", it.version);
    v("abi", it.abi);
}

template <typename V, Of<Status::Interface> T>
void describe(V& v, T& it) {
    v("name", it.name);
    v("ifindex", it.ifindex);
    v("xdp_mode", it.xdp_mode);
}

template <typename V, Of<decltype(Status::backends)> T>
void describe(V& v, T& it) {
    v("up", it.up);
    v("down", it.down);
}

template <typename V, Of<Status::Confirm> T>
void describe(V& v, T& it) {
    v("back_to", it.back_to);
    v("seconds_left", it.seconds_left);
}

template <typename V, Of<Status> T>
void describe(V& v, T& it) {
    v("version", it.version);
    v("ready", it.ready);
    v("generation", it.generation);
    v("drift", it.drift);
    v("uptime_seconds", it.uptime_seconds);
    v("connections", it.connections);
    v("max_connections", it.max_connections);
    v("interfaces", it.interfaces);
    v("backends", it.backends);
    v("warnings", it.warnings);
    v("confirm", it.confirm);
}

template <typename V, Of<BackendView> T>
void describe(V& v, T& it) {
    v("service", it.service);
    v("address", it.address);
    v("weight", it.weight);
    v("state", it.state);
    v("health", it.health);
    v("admin", it.admin);
    v("backup", it.backup);
    v("connections", it.connections);
    v("last_check", it.last_check);
    v.defaulted("share", it.share);
    v.defaulted("health_seconds", it.health_seconds);
    v.defaulted("check_seconds", it.check_seconds);
}

template <typename V, Of<ServiceView> T>
void describe(V& v, T& it) {
    v("name", it.name);
    v("address", it.address);
    v("scheduler", it.scheduler);
    v("snat", it.snat);
    v("pool", it.pool);
    v("connections", it.connections);
    v("backends", it.backends);
}

template <typename V, Of<PoolView::Endpoint> T>
void describe(V& v, T& it) {
    v("address", it.address);
    v("protocol", it.protocol);
    v("in_use", it.in_use);
    v("capacity", it.capacity);
    v.defaulted("ports", it.ports);
    v.defaulted("former", it.former);
}

template <typename V, Of<PoolView::ProxyAddress> T>
void describe(V& v, T& it) {
    v("address", it.address);
    v("in_use", it.in_use);
    v("endpoints", it.endpoints);
}

template <typename V, Of<PoolView> T>
void describe(V& v, T& it) {
    v("name", it.name);
    v("ports", it.ports);
    v("addresses", it.addresses);
}

template <typename V, Of<Directions> T>
void describe(V& v, T& it) {
    v("in", it.in);
    v("out", it.out);
}

template <typename V, Of<ConnView> T>
void describe(V& v, T& it) {
    v("service", it.service);
    v("protocol", it.protocol);
    v("client", it.client);
    v("vip", it.vip);
    v("proxy", it.proxy);
    v("backend", it.backend);
    v("state", it.state);
    v("snat_reason", it.snat_reason);
    v("age_seconds", it.age_seconds);
    v("idle_seconds", it.idle_seconds);
    v("packets", it.packets);
    v("bytes", it.bytes);
}

template <typename V, Of<ConnCount> T>
void describe(V& v, T& it) {
    v("connections", it.connections);
    v("closed", it.closed);
}

template <typename V, Of<Ended> T>
void describe(V& v, T& it) {
    v("ended", it.ended);
}

template <typename V, Of<WhoisView> T>
void describe(V& v, T& it) {
    v("client", it.client);
    v("service", it.service);
    v("backend", it.backend);
    v("protocol", it.protocol);
    v("since", it.since);
    v("until", it.until);
    v("vip", it.vip);
    v.defaulted("state", it.state);
}

template <typename V, Of<StatsView::Backend> T>
void describe(V& v, T& it) {
    v("address", it.address);
    v("connections", it.connections);
    v("connections_total", it.connections_total);
    v("packets", it.packets);
    v("bytes", it.bytes);
}

template <typename V, Of<StatsView> T>
void describe(V& v, T& it) {
    v("service", it.service);
    v("connections", it.connections);
    v("connections_total", it.connections_total);
    v("packets", it.packets);
    v("bytes", it.bytes);
    v("backends", it.backends);
}

template <typename V, Of<Top::Backend> T>
void describe(V& v, T& it) {
    v("address", it.address);
    v("state", it.state);
    v("health", it.health);
    v("connections", it.connections);
    v("connections_total", it.connections_total);
    v("packets", it.packets);
    v("bytes", it.bytes);
}

template <typename V, Of<Top::Service> T>
void describe(V& v, T& it) {
    v("name", it.name);
    v("address", it.address);
    v("backends", it.backends);
}

template <typename V, Of<Top::Use> T>
void describe(V& v, T& it) {
    v("endpoint", it.endpoint);
    v("in_use", it.in_use);
    v("capacity", it.capacity);
}

template <typename V, Of<Top::Pool> T>
void describe(V& v, T& it) {
    v("name", it.name);
    v("in_use", it.in_use);
    v("capacity", it.capacity);
    v("fullest", it.fullest);
}

template <typename V, Of<Top::Client> T>
void describe(V& v, T& it) {
    v("address", it.address);
    v("connections", it.connections);
    v("proxy_ports", it.proxy_ports);
}

template <typename V, Of<Top> T>
void describe(V& v, T& it) {
    v("time", it.time);
    v("at", it.at);
    v("generation", it.generation);
    v("connections", it.connections);
    v("max_connections", it.max_connections);
    v("services", it.services);
    v("drops", it.drops);
    v("pools", it.pools);
    v("clients", it.clients);
    v("one_in", it.one_in);
}

template <typename V, Of<Following> T>
void describe(V& v, T& it) {
    v("interfaces", it.interfaces);
}

template <typename V, Of<Explain::NextHop> T>
void describe(V& v, T& it) {
    v("interface", it.interface);
    v("mac", it.mac);
    v("via", it.via);
}

template <typename V, Of<Explain::Connection> T>
void describe(V& v, T& it) {
    v("direction", it.direction);
    v("client", it.client);
    v("vip", it.vip);
    v("state", it.state);
}

template <typename V, Of<Explain> T>
void describe(V& v, T& it) {
    v("verdict", it.verdict);
    v("reason", it.reason);
    v("answer", it.answer);
    v("service", it.service);
    v("backend", it.backend);
    v("proxy", it.proxy);
    v("snat_reason", it.snat_reason);
    v("next_hop", it.next_hop);
    v("connection", it.connection);
    v.defaulted("why", it.why);
}

template <typename V, Of<Finding> T>
void describe(V& v, T& it) {
    v("severity", it.severity);
    v("check", it.check);
    v("subject", it.subject);
    v("what", it.what);
    v("why", it.why);
    v("fix", it.fix);
}

template <typename V, Of<Doctor> T>
void describe(V& v, T& it) {
    v("findings", it.findings);
    v("ok", it.ok);
}

template <typename V, Of<Change> T>
void describe(V& v, T& it) {
    v("action", it.action);
    v("path", it.path);
    v("from", it.from);
    v("to", it.to);
    v("restart", it.restart);
}

template <typename V, Of<Plan::Pool> T>
void describe(V& v, T& it) {
    v("name", it.name);
    v("ports", it.ports);
    v("addresses", it.addresses);
    v("endpoints", it.endpoints);
    v("bytes", it.bytes);
}

template <typename V, Of<Plan> T>
void describe(V& v, T& it) {
    v("generation", it.generation);
    v("applied", it.applied);
    v("changes", it.changes);
    v("port_memory", it.port_memory);
    v("max_port_memory", it.max_port_memory);
    v("endpoints", it.endpoints);
    v("warnings", it.warnings);
    v.defaulted("port_memory_before", it.port_memory_before);
    v.defaulted("pools", it.pools);
    v("confirm_seconds", it.confirm_seconds);
}

template <typename V, Of<Dump> T>
void describe(V& v, T& it) {
    v("text", it.text);
    v("generation", it.generation);
}

} // namespace proxip::api
