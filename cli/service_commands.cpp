#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "api/patch.hpp"
#include "cli/command.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace service {
namespace {

// The options that `add` and `set` share, as typed.
struct Settings {
    Text scheduler, snat, pool, affinity, on_idle, on_failure, max_connections, max_per_client;
    Texts allow;
    Text on_down, on_all_down, min_up, slow_start;
    Text check, check_port, check_interval, check_timeout, check_rise, check_fall, check_jitter;
    Text check_path, check_host, check_status, check_ca_file, check_send, check_expect;
    bool check_verify = false;
    const CLI::Option* check_verify_typed = nullptr;
    Text idle_syn, idle_established, idle_closing, idle_closed, idle_udp;

    void declare(CLI::App& app);
    void declare_check(CLI::App& app);
    void read(Reading& reading, api::ServicePatch& patch) const;
};

void Settings::declare(CLI::App& app) {
    app.add_option("--scheduler", scheduler, "maglev, round-robin, least-connections or source-hash")
        ->option_text("NAME");
    app.add_option("--snat", snat, "always, auto or never: whose address the backend sees")->option_text("MODE");
    app.add_option("--pool", pool, "the proxy pool that connections come from")->option_text("NAME");
    app.add_option("--affinity", affinity, "so long a client goes back to its backend; 0s: it need not")
        ->option_text("DURATION");
    app.add_option("--allow", allow, "clients of these networks only; any: everyone")
        ->option_text("PREFIX,...")
        ->delimiter(',');
    app.add_option("--on-idle", on_idle, "silent or reset: are both ends told?")->option_text("WHAT");
    app.add_option("--on-failure", on_failure, "reset or drop: no backend or no port")->option_text("WHAT");
    app.add_option("--max-connections", max_connections, "live ones of the service; 0: no limit")->option_text("N");
    app.add_option("--max-per-client", max_per_client, "live ones of one client address (IPv6: /64); 0: no limit")
        ->option_text("N");
    app.add_option("--on-down", on_down, "keep or reset: live TCP connections of a backend that went down")
        ->option_text("WHAT");
    app.add_option("--on-all-down", on_all_down, "fail or keep-last: no backend is up")->option_text("WHAT");
    app.add_option("--min-up", min_up, "kept in rotation, whatever the checks say")->option_text("N");
    app.add_option("--slow-start", slow_start, "until a backend that joins has its whole weight; 0s: at once")
        ->option_text("DURATION");
    declare_check(app);
    app.add_option("--idle-syn", idle_syn, "silence allowed while opening")->option_text("DURATION");
    app.add_option("--idle-established", idle_established, "while established")->option_text("DURATION");
    app.add_option("--idle-closing", idle_closing, "while closing")->option_text("DURATION");
    app.add_option("--idle-closed", idle_closed, "after the end")->option_text("DURATION");
    app.add_option("--idle-udp", idle_udp, "of UDP")->option_text("DURATION");
}

void Settings::declare_check(CLI::App& app) {
    app.add_option("--check", check, "none, tcp, http, https, icmp or udp")->option_text("TYPE");
    app.add_option("--check-port", check_port, "instead of the backend's own")->option_text("PORT");
    app.add_option("--check-path", check_path, "http, https: what is asked for")->option_text("PATH");
    app.add_option("--check-host", check_host, "http, https: Host and server name; else the backend's address")
        ->option_text("NAME");
    app.add_option("--check-status", check_status, "http, https: the answers of a healthy server, 200-399 unless told")
        ->option_text("CODES");
    check_verify_typed = app.add_flag("--check-verify,!--no-check-verify", check_verify,
                                      "https: the server's certificate must hold; or not");
    app.add_option("--check-ca-file", check_ca_file, "https: who may have signed it (PEM); else the system's")
        ->option_text("FILE");
    app.add_option("--check-send", check_send, "udp: the datagram")->option_text("TEXT");
    app.add_option("--check-expect", check_expect, "udp: what the answer begins with; else none is needed")
        ->option_text("TEXT");
    app.add_option("--check-interval", check_interval, "between two checks")->option_text("DURATION");
    app.add_option("--check-timeout", check_timeout, "of one check")->option_text("DURATION");
    app.add_option("--check-rise", check_rise, "successes in a row that bring it up")->option_text("N");
    app.add_option("--check-fall", check_fall, "failures in a row that take it down")->option_text("N");
    app.add_option("--check-jitter", check_jitter, "the interval is shorter by up to this; else by a twentieth")
        ->option_text("DURATION");
}

void Settings::read(Reading& reading, api::ServicePatch& patch) const {
    if (!allow.empty()) {
        reading.each("--allow", allow == Texts{"any"} ? Texts{} : allow, patch.allow.emplace());
    }
    reading.one("--scheduler", scheduler, patch.scheduler)
        .one("--snat", snat, patch.snat)
        .one("--pool", pool, patch.pool)
        .one("--affinity", affinity, patch.affinity)
        .one("--on-idle", on_idle, patch.on_idle)
        .one("--on-failure", on_failure, patch.on_failure)
        .one("--max-connections", max_connections, patch.max_connections)
        .one("--max-per-client", max_per_client, patch.max_connections_per_client)
        .one("--check", check, patch.check.type)
        .one("--check-port", check_port, patch.check.port)
        .one("--check-interval", check_interval, patch.check.interval)
        .one("--check-timeout", check_timeout, patch.check.timeout)
        .one("--check-rise", check_rise, patch.check.rise)
        .one("--check-fall", check_fall, patch.check.fall)
        .one("--check-jitter", check_jitter, patch.check.jitter)
        .one("--check-path", check_path, patch.check.path)
        .one("--check-host", check_host, patch.check.host)
        .one("--check-status", check_status, patch.check.status)
        .one("--check-ca-file", check_ca_file, patch.check.ca_file)
        .one("--check-send", check_send, patch.check.send)
        .one("--check-expect", check_expect, patch.check.expect)
        .one("--on-down", on_down, patch.on_down)
        .one("--on-all-down", on_all_down, patch.on_all_down)
        .one("--min-up", min_up, patch.min_up)
        .one("--slow-start", slow_start, patch.slow_start)
        .one("--idle-syn", idle_syn, patch.idle_timeout.syn)
        .one("--idle-established", idle_established, patch.idle_timeout.established)
        .one("--idle-closing", idle_closing, patch.idle_timeout.closing)
        .one("--idle-closed", idle_closed, patch.idle_timeout.closed)
        .one("--idle-udp", idle_udp, patch.idle_timeout.udp);
    if (check_verify_typed->count() > 0) {
        patch.check.verify = check_verify;
    }
}

Build declare_show(CLI::App& app) {
    const auto name = std::make_shared<Text>();
    app.add_option("name", *name, "only this one");
    return [name](const Inputs&) -> Result<Action> { return Call{api::ServiceShow{*name}, {}}; };
}

struct AddTyped {
    std::string name, address;
    Texts backends;
    Settings settings;
};

Result<Action> build_add(const AddTyped& typed) {
    Reading reading;
    Service service;
    api::ServicePatch patch;
    service.name = typed.name;
    reading.one("address", typed.address, service.address);
    typed.settings.read(reading, patch);
    if (reading.error()) {
        return std::unexpected(*reading.error());
    }
    service = api::patched(std::move(service), patch);
    for (const auto& text : typed.backends) {
        auto backend = at("--backend", parse_backend(text));
        if (!backend) {
            return std::unexpected(std::move(backend.error()));
        }
        service.backends.push_back(*backend);
    }
    return Call{api::ServiceAdd{std::move(service)}, {}};
}

Build declare_add(CLI::App& app) {
    const auto typed = std::make_shared<AddTyped>();
    app.add_option("name", typed->name, "the service's name")->required();
    app.add_option("address", typed->address, "tcp://VIP:PORT or udp://VIP:PORT")->required();
    app.add_option("--backend", typed->backends, "a server; may be given more than once")
        ->option_text("IP:PORT[,weight=N][,max-connections=N][,backup]")
        ->allow_extra_args(false);
    typed->settings.declare(app);
    return [typed](const Inputs&) { return build_add(*typed); };
}

struct SetTyped {
    std::string name;
    Settings settings;
};

Build declare_set(CLI::App& app) {
    const auto typed = std::make_shared<SetTyped>();
    app.add_option("name", typed->name, "the service's name")->required();
    typed->settings.declare(app);
    return [typed, &app](const Inputs&) -> Result<Action> {
        if (!any_option(app)) {
            return usage("nothing to set: give at least one option", typed->name);
        }
        Reading reading;
        api::ServiceSet set{typed->name, {}};
        typed->settings.read(reading, set.patch);
        if (reading.error()) {
            return std::unexpected(*reading.error());
        }
        return Call{std::move(set), {}};
    };
}

Build declare_del(CLI::App& app) {
    const auto name = std::make_shared<std::string>();
    app.add_option("name", *name, "the service's name")->required();
    return [name](const Inputs&) -> Result<Action> { return Call{api::ServiceDel{*name}, {}}; };
}

constexpr std::array commands{
    Command{"service", "show", "What is balanced, and to where", declare_show},
    Command{"service", "add", "A new service", changing<declare_add>},
    Command{"service", "set", "Change a service: what is named changes, the rest stays", changing<declare_set>},
    Command{"service", "del", "Remove a service", changing<declare_del>},
};

} // namespace
} // namespace service

std::span<const Command> service_commands() {
    return service::commands;
}

} // namespace proxip::cli
