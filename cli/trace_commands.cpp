#include <array>
#include <memory>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace trace {
namespace {

struct Typed {
    Text protocol, client, service, backend, host, port;
    bool drops = false;
    Text write, snaplen, limit, count, duration;
};

void declare_filter(CLI::App& app, const std::shared_ptr<Typed>& typed) {
    app.add_option("protocol", typed->protocol, "tcp or udp")->option_text("[tcp|udp]");
    app.add_option("--client", typed->client, "of this client's connections")->option_text("IP[:PORT]");
    app.add_option("--service", typed->service, "of this service")->option_text("NAME");
    app.add_option("--backend", typed->backend, "to and from this backend")->option_text("IP[:PORT]");
    app.add_option("--host", typed->host, "with this source or destination, as they come or as they leave")
        ->option_text("IP");
    app.add_option("--port", typed->port, "likewise")->option_text("N");
    app.add_flag("--drops", typed->drops, "only what is dropped");
}

Reading& read_filter(Reading& reading, const Typed& typed, api::TraceFilter& filter) {
    filter.drops = typed.drops;
    return reading.one("protocol", typed.protocol, filter.protocol)
        .one("--client", typed.client, filter.client)
        .one("--service", typed.service, filter.service)
        .one("--backend", typed.backend, filter.backend)
        .one("--host", typed.host, filter.host)
        .one("--port", typed.port, filter.port);
}

Build declare_trace(CLI::App& app) {
    const auto typed = std::make_shared<Typed>();
    declare_filter(app, typed);
    app.add_option("-w,--write", typed->write, "a capture file (pcapng) instead of lines; - for standard output")
        ->option_text("FILE");
    app.add_option("--snaplen", typed->snaplen, "bytes of each frame, 128 to 9216; 256 unless told")->option_text("N");
    app.add_option("--limit", typed->limit, "packets a second; more are counted as lost; 10000 unless told")
        ->option_text("N");
    app.add_option("-n,--count", typed->count, "so many packets, then end")->option_text("N");
    app.add_option("--for", typed->duration, "so long, then end; with --count, exit 8 when fewer came")
        ->option_text("DURATION");
    return [typed](const Inputs&) -> Result<Action> {
        api::TraceRequest trace;
        Follow follow{.request = {}};
        Reading reading;
        read_filter(reading, *typed, trace.filter)
            .one("--snaplen", typed->snaplen, trace.snaplen)
            .one("--limit", typed->limit, trace.limit)
            .one("--count", typed->count, follow.count)
            .one("--for", typed->duration, follow.limit);
        if (reading.error()) {
            return std::unexpected(*reading.error());
        }
        if (trace.filter.port == std::uint16_t{0}) {
            return usage("expected a port from 1 to 65535", "--port");
        }
        follow.write = typed->write;
        trace.frames = follow.write.has_value();
        follow.request = std::move(trace);
        return follow;
    };
}

constexpr std::array commands{
    Command{"", "trace", "Packets with what is done with them, as they pass", declare_trace},
};

} // namespace
} // namespace trace

std::span<const Command> trace_commands() {
    return trace::commands;
}

} // namespace proxip::cli
