#include <array>
#include <chrono>
#include <memory>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/values.hpp"
#include "model/moment.hpp"

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

struct WhoisTyped {
    std::string proxy;
    Text backend, at, limit;
};

// "tcp://1.1.1.254:1024", or without the protocol.
Result<void> read_proxy(const std::string& text, api::WhoisRequest& whois) {
    const auto protocol_end = text.find("://");
    if (protocol_end != std::string::npos) {
        auto protocol = at("proxy", parse_as<Protocol>(text.substr(0, protocol_end)));
        if (!protocol) {
            return std::unexpected(protocol.error());
        }
        whois.protocol = *protocol;
    }
    auto proxy =
        at("proxy", SocketAddress::parse(protocol_end == std::string::npos ? text : text.substr(protocol_end + 3)));
    if (!proxy) {
        return std::unexpected(proxy.error());
    }
    if (proxy->port == 0) {
        return usage("'" + text + "': expected a Proxy IP and a port", "proxy");
    }
    whois.proxy = *proxy;
    return {};
}

Build declare_whois(CLI::App& app) {
    const auto typed = std::make_shared<WhoisTyped>();
    app.add_option("proxy", typed->proxy, "as the server saw it")->option_text("[tcp|udp://]PROXYIP:PORT")->required();
    app.add_option("--backend", typed->backend, "the server: each has all ports of a Proxy IP for itself")
        ->option_text("IP[:PORT]");
    app.add_option("--at", typed->at, "who had it then: 2026-11-29T02:25:43Z, seconds since 1970, or -5m")
        ->option_text("TIME");
    app.add_option("--limit", typed->limit, "at most so many, the newest; 0: all (1000 unless told)")->option_text("N");
    return [typed](const Inputs&) -> Result<Action> {
        api::WhoisRequest whois;
        if (auto read = read_proxy(typed->proxy, whois); !read) {
            return std::unexpected(read.error());
        }
        Reading reading;
        reading.one("--backend", typed->backend, whois.backend).one("--limit", typed->limit, whois.limit);
        if (reading.error()) {
            return std::unexpected(*reading.error());
        }
        if (typed->at) {
            const auto now = std::chrono::floor<Millis>(std::chrono::system_clock::now());
            auto moment = at("--at", parse_moment(*typed->at, now));
            if (!moment) {
                return std::unexpected(moment.error());
            }
            whois.at = static_cast<std::uint64_t>(moment->time_since_epoch().count());
        }
        return Call{std::move(whois), {}};
    };
}

constexpr std::array commands{
    Command{"", "status", "Is it running, and what", declare_plain<api::StatusRequest>},
    Command{"", "version", "Of lbctl and of the agent", declare_plain<api::VersionRequest>},
    Command{"", "stats", "Connections, packets and bytes of services and backends", declare_stats},
    Command{"", "drops", "Packets that were dropped, by reason", declare_plain<api::DropsRequest>},
    Command{"", "doctor", "What is wrong here, and what mends it", declare_plain<api::DoctorRequest>},
    Command{"", "whois", "Who has, or had, a proxy port", declare_whois},
    Command{"", "explain", "What would happen to a packet, and why", declare_explain},
};

} // namespace
} // namespace agent

std::span<const Command> agent_commands() {
    return agent::commands;
}

} // namespace proxip::cli
