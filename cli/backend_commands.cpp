#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace backend {
namespace {

// SERVICE IP:PORT…, which every change of backends begins with.
struct Targets {
    std::string service;
    Texts addresses;

    void declare(CLI::App& app) {
        app.add_option("service", service, "the service's name")->required();
        app.add_option("address", addresses, "IP:PORT of its backends, one or more")->required();
    }
    [[nodiscard]] Result<std::vector<SocketAddress>> read() const {
        Reading reading;
        std::vector<SocketAddress> parsed;
        reading.each("address", addresses, parsed);
        if (reading.error()) {
            return std::unexpected(*reading.error());
        }
        return parsed;
    }
};

Build declare_show(CLI::App& app) {
    struct Typed {
        Text service, address;
    };
    const auto typed = std::make_shared<Typed>();
    app.add_option("service", typed->service, "only those of this service");
    app.add_option("address", typed->address, "only this one");
    return [typed](const Inputs&) -> Result<Action> {
        api::BackendShow show{typed->service, {}};
        Reading reading;
        reading.one("address", typed->address, show.address);
        return reading.error() ? Result<Action>(std::unexpected(*reading.error())) : Call{std::move(show), {}};
    };
}

struct AddTyped {
    std::string service;
    Texts backends;
    Text weight, max_connections;
    bool backup = false;
};

Result<Action> build_add(const AddTyped& typed) {
    api::BackendAdd add{typed.service, {}};
    Backend plain;
    plain.backup = typed.backup;
    Reading reading;
    reading.one("--weight", typed.weight, plain.weight)
        .one("--max-connections", typed.max_connections, plain.max_connections);
    if (reading.error()) {
        return std::unexpected(*reading.error());
    }
    for (const auto& text : typed.backends) {
        auto backend = at("address", parse_backend(text, plain));
        if (!backend) {
            return std::unexpected(std::move(backend.error()));
        }
        add.backends.push_back(*backend);
    }
    return Call{std::move(add), {}};
}

Build declare_add(CLI::App& app) {
    const auto typed = std::make_shared<AddTyped>();
    app.add_option("service", typed->service, "the service's name")->required();
    app.add_option("address", typed->backends, "IP:PORT[,weight=N][,max-connections=N][,backup], one or more")
        ->required();
    app.add_option("--weight", typed->weight, "its share of new connections; 0: none")->option_text("N");
    app.add_option("--max-connections", typed->max_connections, "live ones at a time; 0: no limit")->option_text("N");
    app.add_flag("--backup", typed->backup, "only when no other is up");
    return [typed](const Inputs&) { return build_add(*typed); };
}

struct SetTyped {
    Targets targets;
    Text weight, max_connections;
    bool backup = false;
};

Build declare_set(CLI::App& app) {
    const auto typed = std::make_shared<SetTyped>();
    typed->targets.declare(app);
    app.add_option("--weight", typed->weight, "its share of new connections; 0: none")->option_text("N");
    app.add_option("--max-connections", typed->max_connections, "live ones at a time; 0: no limit")->option_text("N");
    const auto* backup =
        app.add_flag("--backup,!--no-backup", typed->backup, "only when no other is up; or not only then");
    return [typed, backup](const Inputs&) -> Result<Action> {
        auto addresses = typed->targets.read();
        if (!addresses) {
            return std::unexpected(std::move(addresses.error()));
        }
        api::BackendSet set{typed->targets.service, std::move(*addresses), {}};
        Reading reading;
        reading.one("--weight", typed->weight, set.patch.weight)
            .one("--max-connections", typed->max_connections, set.patch.max_connections);
        if (backup->count() > 0) {
            set.patch.backup = typed->backup;
        }
        if (reading.error()) {
            return std::unexpected(*reading.error());
        }
        if (!set.patch.weight && !set.patch.backup && !set.patch.max_connections) {
            return usage("nothing to set: give --weight, --max-connections, --backup or --no-backup",
                         typed->targets.service);
        }
        return Call{std::move(set), {}};
    };
}

struct DelTyped {
    Targets targets;
    bool now = false;
};

Build declare_del(CLI::App& app) {
    const auto typed = std::make_shared<DelTyped>();
    typed->targets.declare(app);
    app.add_flag("--now", typed->now, "end their connections; otherwise those live on until they end");
    return [typed](const Inputs&) -> Result<Action> {
        auto addresses = typed->targets.read();
        if (!addresses) {
            return std::unexpected(std::move(addresses.error()));
        }
        return Call{api::BackendDel{typed->targets.service, std::move(*addresses), typed->now}, {}};
    };
}

Result<Action> build_admin(const Targets& targets, Admin admin, std::optional<Millis> wait) {
    auto addresses = targets.read();
    if (!addresses) {
        return std::unexpected(std::move(addresses.error()));
    }
    Call call{api::BackendAdmin{targets.service, *addresses, admin}, {}};
    if (wait) {
        call.wait = DrainWait{{.service = targets.service, .address = {}}, std::move(*addresses), *wait};
    }
    return call;
}

template <Admin admin>
Build declare_admin(CLI::App& app) {
    const auto targets = std::make_shared<Targets>();
    targets->declare(app);
    return [targets](const Inputs&) { return build_admin(*targets, admin, {}); };
}

struct DrainTyped {
    Targets targets;
    Text wait;
};

Build declare_drain(CLI::App& app) {
    const auto typed = std::make_shared<DrainTyped>();
    typed->targets.declare(app);
    app.add_option("--wait", typed->wait, "until no connection is left, at most so long")->option_text("DURATION");
    return [typed](const Inputs&) -> Result<Action> {
        std::optional<Millis> wait;
        Reading reading;
        reading.one("--wait", typed->wait, wait);
        return reading.error() ? Result<Action>(std::unexpected(*reading.error()))
                               : build_admin(typed->targets, Admin::drain, wait);
    };
}

constexpr std::array commands{
    Command{"backend", "show", "Servers, their state and their connections", declare_show},
    Command{"backend", "add", "More servers for a service", changing<declare_add>},
    Command{"backend", "set", "Change weight or role", changing<declare_set>},
    Command{"backend", "del", "Remove servers from a service", changing<declare_del>},
    Command{"backend", "enable", "Give them new connections again", changing<declare_admin<Admin::enabled>>},
    Command{"backend", "disable", "No new connections, whatever the checks say",
            changing<declare_admin<Admin::disabled>>},
    Command{"backend", "drain", "No new connections; those that live go on", changing<declare_drain>},
};

} // namespace
} // namespace backend

std::span<const Command> backend_commands() {
    return backend::commands;
}

} // namespace proxip::cli
