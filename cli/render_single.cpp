// What is one thing: the agent, a decision, a plan.

#include <string_view>

#include <fmt/format.h>

#include "api/version.hpp"
#include "cli/human.hpp"
#include "cli/render.hpp"

namespace proxip::cli {
namespace {

// "name          value" lines
class Lines {
  public:
    void add(std::string_view name, std::string_view value) { text_ += fmt::format("{:<12} {}\n", name, value); }
    void add_if(std::string_view name, const std::optional<std::string>& value) {
        if (value) {
            add(name, std::string_view{*value});
        }
    }
    [[nodiscard]] std::string take() && { return std::move(text_); }

  private:
    std::string text_;
};

std::string change_line(const Change& change) {
    const std::string_view restart = change.restart ? "   (needs a restart)" : "";
    if (change.action == "add") {
        return fmt::format("+ {}: {}{}\n", change.path, change.to, restart);
    }
    if (change.action == "remove") {
        return fmt::format("- {}: {}{}\n", change.path, change.from, restart);
    }
    return fmt::format("~ {}: {} -> {}{}\n", change.path, change.from, change.to, restart);
}

std::string change_lines(const api::Plan& plan) {
    std::string text;
    for (const auto& change : plan.changes) {
        text += change_line(change);
    }
    return text;
}

std::string counted(std::uint64_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : what.ends_with("s") ? "es" : "s");
}

// "pool default: 64512 ports x 1 address x 2 endpoints x 2 B = 252 KiB", and what that makes in all.
std::string port_lines(const api::Plan& plan) {
    std::string text;
    for (const auto& pool : plan.pools) {
        text += fmt::format("pool {}: {} x {} x {} x 2 B = {}\n", pool.name, counted(pool.ports, "port"),
                            counted(pool.addresses, "address"), counted(pool.endpoints, "endpoint"),
                            human_bytes(pool.bytes));
    }
    const auto now = human_bytes(plan.port_memory);
    const auto change = plan.port_memory == plan.port_memory_before
                            ? now
                            : fmt::format("{} -> {}", human_bytes(plan.port_memory_before), now);
    return text + fmt::format("proxy ports: {}, {} of at most {}\n", counted(plan.endpoints, "endpoint"), change,
                              human_bytes(plan.max_port_memory));
}

std::string generation_line(const api::Plan& plan) {
    return plan.confirm_seconds ? fmt::format("generation {}, for {:.0f} s unless `lbctl confirm` comes\n",
                                              plan.generation, *plan.confirm_seconds)
                                : fmt::format("generation {}\n", plan.generation);
}

struct PlanText {
    const api::Plan& plan;

    std::string operator()(const api::ValidateRequest& request) const {
        return fmt::format("ok: {} is valid\n", request.config.source) + port_lines(plan);
    }
    std::string operator()(const api::DiffRequest& request) const {
        return plan.changes.empty() ? fmt::format("no difference: {} is what runs (generation {})\n",
                                                  request.config.source, plan.generation)
                                    : change_lines(plan) + port_lines(plan);
    }
    std::string operator()(const api::ConfirmRequest&) const {
        return fmt::format("generation {} is confirmed\n", plan.generation);
    }
    template <typename Changing>
    std::string operator()(const Changing&) const {
        if (plan.changes.empty()) {
            return fmt::format("nothing to change: generation {}\n", plan.generation);
        }
        return plan.applied ? change_lines(plan) + generation_line(plan)
                            : change_lines(plan) + port_lines(plan) +
                                  fmt::format("dry run: generation {} still runs\n", plan.generation);
    }
};

} // namespace

std::string text_of(const api::Status& status) {
    Lines lines;
    lines.add("version", status.version);
    lines.add("ready", status.ready ? "yes" : "no");
    lines.add("generation", fmt::format("{}", status.generation));
    if (status.confirm) {
        lines.add("confirm", fmt::format("in {:.0f} s back to what generation {} was, unless `lbctl confirm` comes",
                                         status.confirm->seconds_left, status.confirm->back_to));
    }
    lines.add("drift", status.drift ? "yes: changed by hand since the file was applied" : "no");
    lines.add("uptime", human_seconds(status.uptime_seconds));
    lines.add("connections", fmt::format("{} of {}", status.connections, status.max_connections));
    lines.add("backends", fmt::format("{} up, {} down", status.backends.up, status.backends.down));
    for (const auto& interface : status.interfaces) {
        lines.add("interface",
                  fmt::format("{} (index {}, {} XDP)", interface.name, interface.ifindex, interface.xdp_mode));
    }
    for (const auto& warning : status.warnings) {
        lines.add("warning", warning);
    }
    return std::move(lines).take();
}

std::string text_of(const api::Version& version) {
    return fmt::format("lbctl {}\nlbagent {} (data plane ABI {})\n", api::version(), version.version, version.abi);
}

std::string text_of(const api::ConnCount& count, bool wide) {
    return wide ? fmt::format("{} live, {} closed\n", count.connections, count.closed)
                : fmt::format("{}\n", count.connections);
}

std::string text_of(const api::Ended& ended) {
    return fmt::format("{} ended\n", ended.ended);
}

std::string text_of(const api::Explain& explain) {
    Lines lines;
    lines.add("verdict", explain.verdict);
    lines.add("reason", explain.reason);
    lines.add_if("answer", explain.answer);
    lines.add_if("service", explain.service);
    lines.add_if("backend", explain.backend);
    lines.add_if("proxy", explain.proxy);
    lines.add_if("snat reason", explain.snat_reason);
    if (const auto& hop = explain.next_hop) {
        lines.add("next hop", fmt::format("{} on {} by {}", hop->mac, hop->interface, hop->via));
    }
    if (const auto& connection = explain.connection) {
        lines.add("connection", fmt::format("{} to {}, {}: {}", connection->client, connection->vip, connection->state,
                                            connection->direction == "reply" ? "the packet is an answer of the backend"
                                                                             : "the packet is the client's"));
    }
    for (const auto& why : explain.why) {
        lines.add("why", why);
    }
    return std::move(lines).take();
}

// The finding on one line, and below it why it matters and what mends it.
std::string text_of(const api::Doctor& doctor) {
    std::string text;
    for (const auto& finding : doctor.findings) {
        text += fmt::format("{:<8} {}: {} ({})\n", finding.severity, finding.subject, finding.what, finding.check);
        text += fmt::format("         why  {}\n         fix  {}\n", finding.why, finding.fix);
    }
    return text;
}

std::string text_of(const api::Request& request, const api::Plan& plan) {
    return std::visit(PlanText{plan}, request);
}

} // namespace proxip::cli
