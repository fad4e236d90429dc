// `lbctl explain`: the data plane's own decision, in words.

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "app/names.hpp"
#include "app/views.hpp"

namespace proxip::app {

namespace {

constexpr std::uint16_t usual_client_port = 40000;

std::string verdict_name(std::uint32_t verdict) {
    switch (verdict) {
    case abi::ABI_VERDICT_FORWARD: return "forward";
    case abi::ABI_VERDICT_ANSWER: return "answer";
    case abi::ABI_VERDICT_DROP: return "drop";
    default: return "pass";
    }
}

std::optional<std::string> answer_name(std::uint32_t answer) {
    switch (answer) {
    case abi::ABI_ANSWER_ARP: return "arp";
    case abi::ABI_ANSWER_ECHO: return "echo";
    case abi::ABI_ANSWER_TCP_RST: return "tcp-rst";
    case abi::ABI_ANSWER_ICMP: return "icmp";
    case abi::ABI_ANSWER_ND: return "nd";
    default: return std::nullopt;
    }
}

struct Reason {
    const char* name;
    const char* help;
};

Reason drop_reason(std::uint32_t reason) {
    switch (reason) {
#define ABI_REASON_CASE(id, symbol, name, help)                                                                        \
    case id: return {name, help};
        ABI_REASONS(ABI_REASON_CASE, ABI_REASON_CASE)
#undef ABI_REASON_CASE
    default: return {"", ""};
    }
}

Reason reason_of(const abi::abi_decision& made) {
    switch (made.verdict) {
    case abi::ABI_VERDICT_DROP: return drop_reason(made.reason);
    case abi::ABI_VERDICT_FORWARD:
        return made.known != 0 ? Reason{"connection", "the packet belongs to a connection"}
                               : Reason{"new", "the packet would open a connection"};
    case abi::ABI_VERDICT_PASS: return {"not_ours", "it goes on to the host: nothing here is for this packet"};
    default: return {"", ""};
    }
}

const char* why_snat(abi::abi_snat_reason reason) {
    switch (reason) {
    case abi::ABI_SNAT_NONE:
        return "the client's address stays: the service's snat is never, or the answer comes back by itself";
    case abi::ABI_SNAT_ALWAYS: return "a Proxy IP, since the service's snat is always";
    case abi::ABI_SNAT_HAIRPIN: return "a Proxy IP, since the client is on the backend's own segment";
    case abi::ABI_SNAT_OFF_PATH: return "a Proxy IP, since the backend is in no inline network";
    case abi::ABI_SNAT_TUPLE_TAKEN:
        return "a Proxy IP, since the backend already talks to this address and port of the client";
    }
    return "";
}

template <typename Key>
std::optional<Key> key_of(const policy::IdTable<Key>& table, policy::Id id) {
    for (const auto& [key, known] : table.all()) {
        if (known == id) {
            return key;
        }
    }
    return std::nullopt;
}

std::string mac_of(const abi::abi_hop& hop) {
    net::Mac mac{};
    std::copy(std::begin(hop.mac), std::end(hop.mac), mac.begin());
    return net::mac_text(mac);
}

std::string backend_text(const policy::EndpointKey& endpoint, std::uint16_t called) {
    SocketAddress address = endpoint.address;
    if (address.port == 0) {
        address.port = called;
    }
    return address.text();
}

Result<void> check_request(const api::ExplainRequest& request) {
    if (!request.to.ports.single()) {
        return fail(ErrorCode::invalid, fmt::format("found {}, expected one port", request.to.text()), "--to");
    }
    if (request.from.address.family != request.to.address.family) {
        return fail(ErrorCode::invalid,
                    fmt::format("found {}, expected an address of the same family as {}", request.from.text(),
                                request.to.text()),
                    "--from");
    }
    if (request.flags && request.to.protocol != Protocol::tcp) {
        return fail(ErrorCode::invalid, "expected only with tcp: UDP has no flags", "--flags");
    }
    return {};
}

api::Explain::Connection connection_view(const dataplane::Connection& connection, std::uint16_t direction) {
    return {.direction = direction == abi::ABI_REPLY ? "reply" : "original",
            .client = connection.client.text(),
            .vip = connection.vip.text(),
            .state = state_name(connection.state)};
}

} // namespace

// Those of services that were removed, too: their connections go on.
bool Views::is_vip(const Address& address) const {
    const auto& services = controller_.identities().services.all();
    return std::ranges::any_of(services, [&](const auto& one) { return one.first.address == address; });
}

Result<dataplane::Question> Views::question(const api::ExplainRequest& request) const {
    if (auto sound = check_request(request); !sound) {
        return std::unexpected(sound.error());
    }
    auto link = request.interface ? neighbourhood_.link_named(*request.interface)
                                  : neighbourhood_.link_towards(request.from.address);
    if (!link) {
        return std::unexpected(std::move(link.error()).within(request.interface ? "--in" : "--from"));
    }
    const std::uint8_t usual_flags = is_vip(request.to.address) ? abi::ABI_TCP_SYN : abi::ABI_TCP_ACK;
    dataplane::Question out{.protocol = request.to.protocol,
                            .from = request.from,
                            .to = {request.to.address, request.to.ports.first},
                            .link = *link,
                            .tcp_flags = request.flags ? request.flags->bits : usual_flags};
    if (out.from.port == 0) {
        out.from.port = usual_client_port;
    }
    return out;
}

// Which backend, from which Proxy IP, and why from that.
void Views::explain_choice(const abi::abi_decision& made, std::uint16_t called, api::Explain& out) const {
    const auto& ids = controller_.identities();
    if (made.has_service != 0) {
        out.service = controller_.service_names()[made.service];
    }
    if (made.has_backend != 0) {
        const auto reason = static_cast<abi::abi_snat_reason>(made.snat_reason);
        if (const auto endpoint = key_of(ids.endpoints, made.endpoint)) {
            out.backend = backend_text(*endpoint, called);
        }
        out.snat_reason = snat_reason_name(reason);
        out.why.emplace_back(why_snat(reason));
    }
    if (made.has_proxy != 0) {
        if (const auto proxy = key_of(ids.proxies, made.proxy)) {
            out.proxy = SocketAddress{*proxy, policy::swap_port(made.proxy_port_be)}.text();
        }
    }
}

Result<api::Explain> Views::explain(const api::ExplainRequest& request) const {
    const auto asked = question(request);
    if (!asked) {
        return std::unexpected(asked.error());
    }
    api::Explain out;
    if (!neighbourhood_.attached_modes().contains(asked->link)) {
        out.verdict = verdict_name(abi::ABI_VERDICT_PASS);
        out.reason = "not_attached";
        out.why.push_back(fmt::format("it would come in by {}, which is not among agent.interfaces",
                                      neighbourhood_.link_name(asked->link)));
        return out;
    }
    const auto decision = dataplane_.explain(*asked);
    if (!decision) {
        return std::unexpected(decision.error());
    }
    const abi::abi_decision& made = decision->made;
    const Reason reason = reason_of(made);
    out.verdict = verdict_name(made.verdict);
    out.answer = answer_name(made.answer);
    out.reason = reason.name;
    if (*reason.help != '\0') {
        out.why.emplace_back(reason.help);
    }
    explain_choice(made, asked->to.port, out);
    if (decision->connection) {
        out.connection = connection_view(*decision->connection, made.direction);
        out.backend = decision->connection->backend.text();
    }
    if (made.hop.iface != 0) {
        out.next_hop = api::Explain::NextHop{.interface = neighbourhood_.link_name(dataplane_.link_of(made.hop)),
                                             .mac = mac_of(made.hop),
                                             .via = made.via_tc != 0 ? "tc" : "redirect"};
    }
    return out;
}

} // namespace proxip::app
