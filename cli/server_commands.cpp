#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace server {
namespace {

struct Typed {
    Text address, wait;
};

Build declare_show(CLI::App& app) {
    const auto typed = std::make_shared<Typed>();
    app.add_option("address", typed->address, "only this one")->option_text("IP");
    return [typed](const Inputs&) -> Result<Action> {
        api::BackendShow show;
        Reading reading;
        reading.one("address", typed->address, show.server);
        return reading.error() ? Result<Action>(std::unexpected(*reading.error())) : Call{std::move(show), {}};
    };
}

Result<Action> build_admin(const Typed& typed, Admin admin) {
    api::ServerAdmin change{.address = {}, .admin = admin};
    std::optional<Millis> wait;
    Reading reading;
    reading.one("address", typed.address, change.address).one("--wait", typed.wait, wait);
    if (reading.error()) {
        return std::unexpected(*reading.error());
    }
    Call call{change, {}};
    if (wait) {
        call.wait = DrainWait{{.service = {}, .address = {}, .server = change.address}, {}, *wait};
    }
    return call;
}

template <Admin admin>
Build declare_admin(CLI::App& app) {
    const auto typed = std::make_shared<Typed>();
    app.add_option("address", typed->address, "its address, without a port")->option_text("IP")->required();
    if constexpr (admin == Admin::drain) {
        app.add_option("--wait", typed->wait, "until no connection is left, at most so long")->option_text("DURATION");
    }
    return [typed](const Inputs&) { return build_admin(*typed, admin); };
}

constexpr std::array commands{
    Command{"server", "show", "Its part in each service", declare_show},
    Command{"server", "enable", "Give it new connections again", changing<declare_admin<Admin::enabled>>},
    Command{"server", "disable", "No new connections, whatever the checks say",
            changing<declare_admin<Admin::disabled>>},
    Command{"server", "drain", "No new connections; those that live go on", changing<declare_admin<Admin::drain>>},
};

} // namespace
} // namespace server

std::span<const Command> server_commands() {
    return server::commands;
}

} // namespace proxip::cli
