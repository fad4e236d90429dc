#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace pool {
namespace {

constexpr const char* per_client_help = "towards one backend, of one client address (IPv6: /64); 0: no limit";

Build declare_show(CLI::App& app) {
    const auto name = std::make_shared<Text>();
    app.add_option("name", *name, "only this one");
    return [name](const Inputs&) -> Result<Action> { return Call{api::PoolShow{*name}, {}}; };
}

struct AddTyped {
    std::string name;
    Texts addresses;
    Text ports;
    Texts exclude;
    Text per_client;
};

Build declare_add(CLI::App& app) {
    const auto typed = std::make_shared<AddTyped>();
    app.add_option("name", typed->name, "the pool's name")->required();
    app.add_option("address", typed->addresses, "Proxy IPs: addresses, prefixes or FIRST-LAST, one or more")
        ->required();
    app.add_option("--ports", typed->ports, "the ports to use of each")->option_text("FIRST-LAST");
    app.add_option("--exclude-ports", typed->exclude, "but not these; may be given more than once")
        ->option_text("FIRST-LAST")
        ->allow_extra_args(false);
    app.add_option("--max-ports-per-client", typed->per_client, per_client_help)->option_text("N");
    return [typed](const Inputs&) -> Result<Action> {
        ProxyPool pool;
        pool.name = typed->name;
        Reading reading;
        reading.each("address", typed->addresses, pool.addresses);
        for (const auto& text : typed->exclude) {
            PortRange range;
            reading.one("--exclude-ports", Text{text}, range);
            pool.exclude_ports.push_back(range);
        }
        reading.one("--ports", typed->ports, pool.ports)
            .one("--max-ports-per-client", typed->per_client, pool.max_ports_per_client);
        return reading.error() ? Result<Action>(std::unexpected(*reading.error()))
                               : Call{api::PoolAdd{std::move(pool)}, {}};
    };
}

struct SetTyped {
    std::string name;
    Texts add, remove;
    Text ports, per_client;
};

Build declare_set(CLI::App& app) {
    const auto typed = std::make_shared<SetTyped>();
    app.add_option("name", typed->name, "the pool's name")->required();
    app.add_option("--add", typed->add, "one more Proxy IP, prefix or range; may be given more than once")
        ->option_text("ADDRESS")
        ->allow_extra_args(false);
    app.add_option("--remove", typed->remove, "one less; may be given more than once")
        ->option_text("ADDRESS")
        ->allow_extra_args(false);
    app.add_option("--ports", typed->ports, "the ports to use of each")->option_text("FIRST-LAST");
    app.add_option("--max-ports-per-client", typed->per_client, per_client_help)->option_text("N");
    return [typed, &app](const Inputs&) -> Result<Action> {
        if (!any_option(app)) {
            return usage("nothing to set: give --add, --remove, --ports or --max-ports-per-client", typed->name);
        }
        api::PoolSet set{typed->name, {}, {}, {}, {}};
        Reading reading;
        reading.each("--add", typed->add, set.add)
            .each("--remove", typed->remove, set.remove)
            .one("--ports", typed->ports, set.ports)
            .one("--max-ports-per-client", typed->per_client, set.max_ports_per_client);
        return reading.error() ? Result<Action>(std::unexpected(*reading.error())) : Call{std::move(set), {}};
    };
}

Build declare_del(CLI::App& app) {
    const auto name = std::make_shared<std::string>();
    app.add_option("name", *name, "the pool's name")->required();
    return [name](const Inputs&) -> Result<Action> { return Call{api::PoolDel{*name}, {}}; };
}

constexpr std::array commands{
    Command{"pool", "show", "Proxy IPs, and how many of their ports are in use for each endpoint", declare_show},
    Command{"pool", "add", "A new pool", changing<declare_add>},
    Command{"pool", "set", "Change addresses or ports", changing<declare_set>},
    Command{"pool", "del", "Remove a pool", changing<declare_del>},
};

} // namespace
} // namespace pool

std::span<const Command> pool_commands() {
    return pool::commands;
}

} // namespace proxip::cli
