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

std::string reason_name(std::uint32_t reason) {
    switch (reason) {
#define ABI_REASON_CASE(id, symbol, name, help)                                                                        \
    case id: return name;
        ABI_REASONS(ABI_REASON_CASE, ABI_REASON_CASE)
#undef ABI_REASON_CASE
    default: return "";
    }
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

} // namespace

Result<api::Explain> Views::explain(const api::ExplainRequest& request) const {
    if (!request.to.ports.single()) {
        return fail(ErrorCode::invalid, fmt::format("found {}, expected one port", request.to.text()), "--to");
    }
    if (request.from.address.family != request.to.address.family) {
        return fail(ErrorCode::invalid,
                    fmt::format("found {}, expected an address of the same family as {}", request.from.text(),
                                request.to.text()),
                    "--from");
    }
    auto link = request.interface ? neighbourhood_.link_named(*request.interface)
                                  : neighbourhood_.link_towards(request.from.address);
    if (!link) {
        return std::unexpected(std::move(link.error()).within(request.interface ? "--in" : "--from"));
    }
    dataplane::Question question{.protocol = request.to.protocol,
                                 .from = request.from,
                                 .to = {request.to.address, request.to.ports.first},
                                 .link = *link};
    if (question.from.port == 0) {
        question.from.port = usual_client_port;
    }
    auto decision = dataplane_.explain(question);
    if (!decision) {
        return std::unexpected(decision.error());
    }
    const auto& ids = controller_.identities();
    api::Explain out;
    out.verdict = verdict_name(decision->verdict);
    out.answer = answer_name(decision->answer);
    if (decision->verdict == abi::ABI_VERDICT_DROP) {
        out.reason = reason_name(decision->reason);
    } else if (decision->verdict == abi::ABI_VERDICT_FORWARD) {
        out.reason = decision->known != 0 ? "connection" : "new";
    }
    if (decision->has_service != 0) {
        out.service = controller_.service_names()[decision->service];
    }
    if (decision->has_backend != 0) {
        if (const auto endpoint = key_of(ids.endpoints, decision->endpoint)) {
            out.backend = backend_text(*endpoint, question.to.port);
        }
        out.snat_reason = snat_reason_name(static_cast<abi::abi_snat_reason>(decision->snat_reason));
    }
    if (decision->has_proxy != 0) {
        if (const auto proxy = key_of(ids.proxies, decision->proxy)) {
            const SocketAddress address{*proxy, policy::swap_port(decision->proxy_port_be)};
            out.proxy = address.text();
        }
    }
    if (decision->hop.iface != 0) {
        out.next_hop = api::Explain::NextHop{.interface = neighbourhood_.link_name(dataplane_.link_of(decision->hop)),
                                             .mac = mac_of(decision->hop),
                                             .via = decision->via_tc != 0 ? "tc" : "redirect"};
    }
    return out;
}

} // namespace proxip::app
