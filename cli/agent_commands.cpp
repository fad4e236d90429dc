#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace agent {
namespace {

template <typename Request>
Build declare_plain(CLI::App&) {
    return [](const Inputs&) -> Result<Action> { return Call{Request{}, {}}; };
}

Build declare_stats(CLI::App& app) {
    const auto service = std::make_shared<Text>();
    app.add_option("service", *service, "only of this service");
    return [service](const Inputs&) -> Result<Action> { return Call{api::StatsRequest{*service}, {}}; };
}

struct ExplainTyped {
    Text from, to, interface, flags;
};

Build declare_explain(CLI::App& app) {
    const auto typed = std::make_shared<ExplainTyped>();
    app.add_option("--from", typed->from, "the client; or a backend, for its answer")
        ->option_text("IP[:PORT]")
        ->required();
    app.add_option("--to", typed->to, "what it calls; or the Proxy IP and port that a backend answers")
        ->option_text("tcp://IP:PORT")
        ->required();
    app.add_option("--in", typed->interface, "where its packet arrives; else where the route to it leads")
        ->option_text("IFACE");
    app.add_option("--flags", typed->flags, "of the TCP segment; else syn to a VIP, ack to any other address")
        ->option_text("syn|syn,ack|ack|fin,ack|rst");
    return [typed](const Inputs&) -> Result<Action> {
        api::ExplainRequest explain;
        Reading reading;
        reading.one("--from", typed->from, explain.from)
            .one("--to", typed->to, explain.to)
            .one("--in", typed->interface, explain.interface)
            .one("--flags", typed->flags, explain.flags);
        if (reading.error()) {
            return std::unexpected(*reading.error());
        }
        if (!explain.to.ports.single()) {
            return usage("'" + *typed->to + "': expected a single port", "--to");
        }
        if (explain.flags && explain.to.protocol != Protocol::tcp) {
            return usage("expected only with tcp: UDP has no flags", "--flags");
        }
        return Call{std::move(explain), {}};
    };
}

constexpr std::array commands{
    Command{"", "status", "Is it running, and what", declare_plain<api::StatusRequest>},
    Command{"", "version", "Of lbctl and of the agent", declare_plain<api::VersionRequest>},
    Command{"", "stats", "Connections, packets and bytes of services and backends", declare_stats},
    Command{"", "drops", "Packets that were dropped, by reason", declare_plain<api::DropsRequest>},
    Command{"", "doctor", "What is wrong here, and what mends it", declare_plain<api::DoctorRequest>},
    Command{"", "explain", "What would happen to a packet, and why", declare_explain},
};

} // namespace
} // namespace agent

std::span<const Command> agent_commands() {
    return agent::commands;
}

} // namespace proxip::cli
