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
    Text check, check_port, check_interval, check_timeout, check_rise, check_fall;
    Text idle_syn, idle_established, idle_closing, idle_closed, idle_udp;

    void declare(CLI::App& app);
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
    app.add_option("--check", check, "none or tcp")->option_text("TYPE");
    app.add_option("--check-port", check_port, "instead of the backend's own")->option_text("PORT");
    app.add_option("--check-interval", check_interval, "between two checks")->option_text("DURATION");
    app.add_option("--check-timeout", check_timeout, "of one check")->option_text("DURATION");
    app.add_option("--check-rise", check_rise, "successes in a row that bring it up")->option_text("N");
    app.add_option("--check-fall", check_fall, "failures in a row that take it down")->option_text("N");
    app.add_option("--idle-syn", idle_syn, "silence allowed while opening")->option_text("DURATION");
    app.add_option("--idle-established", idle_established, "while established")->option_text("DURATION");
    app.add_option("--idle-closing", idle_closing, "while closing")->option_text("DURATION");
    app.add_option("--idle-closed", idle_closed, "after the end")->option_text("DURATION");
    app.add_option("--idle-udp", idle_udp, "of UDP")->option_text("DURATION");
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
        .one("--idle-syn", idle_syn, patch.idle_timeout.syn)
        .one("--idle-established", idle_established, patch.idle_timeout.established)
        .one("--idle-closing", idle_closing, patch.idle_timeout.closing)
        .one("--idle-closed", idle_closed, patch.idle_timeout.closed)
        .one("--idle-udp", idle_udp, patch.idle_timeout.udp);
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
