#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace conn {
namespace {

struct Filter {
    Text service, client, backend;

    void declare(CLI::App& app) {
        app.add_option("--service", service, "only of this service")->option_text("NAME");
        app.add_option("--client", client, "only of this client")->option_text("IP");
        app.add_option("--backend", backend, "only to this backend; without a port: to any of its ports")
            ->option_text("IP[:PORT]");
    }
    void read(Reading& reading, api::ConnFilter& filter) const {
        reading.one("--service", service, filter.service)
            .one("--client", client, filter.client)
            .one("--backend", backend, filter.backend);
    }
};

struct ShowTyped {
    Filter filter;
    Text limit;
};

Build declare_show(CLI::App& app) {
    const auto typed = std::make_shared<ShowTyped>();
    typed->filter.declare(app);
    app.add_option("--limit", typed->limit, "at most so many; 0: all (1000 unless told)")->option_text("N");
    return [typed](const Inputs&) -> Result<Action> {
        api::ConnShow show;
        Reading reading;
        typed->filter.read(reading, show.filter);
        reading.one("--limit", typed->limit, show.limit);
        return reading.error() ? Result<Action>(std::unexpected(*reading.error())) : Call{std::move(show), {}};
    };
}

Build declare_count(CLI::App& app) {
    const auto filter = std::make_shared<Filter>();
    filter->declare(app);
    return [filter](const Inputs&) -> Result<Action> {
        api::ConnCountRequest count;
        Reading reading;
        filter->read(reading, count.filter);
        return reading.error() ? Result<Action>(std::unexpected(*reading.error())) : Call{std::move(count), {}};
    };
}

struct DelTyped {
    Filter filter;
    bool all = false;
};

Build declare_del(CLI::App& app) {
    const auto typed = std::make_shared<DelTyped>();
    typed->filter.declare(app);
    app.add_flag("--all", typed->all, "every connection");
    return [typed](const Inputs&) -> Result<Action> {
        api::ConnDel del;
        Reading reading;
        typed->filter.read(reading, del.filter);
        del.all = typed->all;
        if (reading.error()) {
            return std::unexpected(*reading.error());
        }
        const bool any = del.filter.service || del.filter.client || del.filter.backend;
        if (any == del.all) {
            return usage("expected either which connections (--service, --client, --backend) or --all", "conn del");
        }
        return Call{std::move(del), {}};
    };
}

constexpr std::array commands{
    Command{"conn", "show", "Connections, each with its Proxy IP", declare_show},
    Command{"conn", "count", "How many there are", declare_count},
    Command{"conn", "del", "End connections: both ends get a RST", declare_del},
};

} // namespace
} // namespace conn

std::span<const Command> conn_commands() {
    return conn::commands;
}

} // namespace proxip::cli
