// What can run out, and what is dropped.

#include <array>

#include <fmt/format.h>

#include "model/codec.hpp"
#include "policy/abi.hpp"
#include "policy/doctor_rules.hpp"

namespace proxip::policy::doctor {

namespace {

constexpr std::uint64_t high_percent = 80;

std::uint64_t percent(std::uint64_t used, std::uint64_t capacity) {
    return capacity == 0 ? 0 : used * 100 / capacity;
}

// A drop reason that tells of something to be mended. The others are what clients do.
struct Ailment {
    abi::abi_reason reason;
    Severity severity;
    std::string_view why;
    std::string_view fix;
};

constexpr auto ailments = std::to_array<Ailment>({
    {abi::ABI_TABLE_FULL, Severity::error, "new connections of every service are refused",
     "raise max_connections in the configuration file, then: lbagent --detach, and start it again"},
    {abi::ABI_PORTS_EXHAUSTED, Severity::error, "new connections to that backend are refused",
     "lbctl pool show; then: lbctl pool set POOL --add ADDRESS"},
    {abi::ABI_NO_BACKEND, Severity::error, "new connections of a service are refused", "lbctl service show"},
    {abi::ABI_NO_NEXT_HOP, Severity::error, "packets to a backend, or to a client, went nowhere",
     "lbctl backend show; ip neigh show"},
    {abi::ABI_NO_WAY_OUT, Severity::error,
     "answers (RST, ICMP, ARP) could not be sent: the driver has neither redirect nor room for a mark",
     "set xdp_mode = \"generic\" for that interface in the configuration file, and reload it"},
    {abi::ABI_TRANSLATE, Severity::warning, "packets of connections were lost", "lbctl drops; dmesg | tail"},
    {abi::ABI_TOO_BIG, Severity::warning,
     "their senders are told by ICMP; where a firewall drops that, connections stand still",
     "ip -br link show; compare the MTUs of the interfaces"},
    {abi::ABI_TUPLE_TAKEN, Severity::warning,
     "snat = never: the backend already talks to that address and port of the client",
     "lbctl service set SERVICE --snat auto"},
    {abi::ABI_FRAGMENT, Severity::warning,
     "datagrams in pieces are lost: their first piece comes late, or by another way",
     "lbctl drops; ethtool -k INTERFACE | grep gro"},
    {abi::ABI_SERVICE_FULL, Severity::warning, "new connections of that service are refused",
     "lbctl stats; then: lbctl service set SERVICE --max-connections N"},
    {abi::ABI_BACKENDS_FULL, Severity::warning, "new connections of that service are refused",
     "lbctl backend show; then: lbctl backend set SERVICE BACKEND --max-connections N"},
    {abi::ABI_CLIENT_FULL, Severity::warning, "a client is refused: an attack, or many behind one NAT",
     "lbctl conn show; then: lbctl service set SERVICE --max-connections-per-client N"},
    {abi::ABI_CLIENT_PORTS, Severity::warning, "a client is refused: an attack, or many behind one NAT",
     "lbctl conn show; then: lbctl pool set POOL --max-ports-per-client N"},
});

struct ReasonText {
    std::uint32_t id;
    std::string_view name;
    std::string_view help;
};

#define PROXIP_REASON_TEXT(id, symbol, name, help) ReasonText{id, name, help},
constexpr auto reason_texts = std::to_array<ReasonText>({ABI_REASONS(PROXIP_REASON_TEXT, PROXIP_REASON_TEXT)});
#undef PROXIP_REASON_TEXT

const ReasonText& text_of(abi::abi_reason reason) {
    for (const ReasonText& one : reason_texts) {
        if (one.id == reason) {
            return one;
        }
    }
    return reason_texts.front();
}

} // namespace

void find_proxy_ports(const Facts& facts, Findings& out) {
    for (const Pool& pool : facts.pools) {
        if (percent(pool.in_use, pool.capacity) < high_percent) {
            continue;
        }
        const bool full = pool.in_use >= pool.capacity;
        out.push_back({.severity = full ? Severity::error : Severity::warning,
                       .subject = fmt::format("{} towards {}://{}", pool.name, protocol_name(pool.protocol),
                                              pool.endpoint.text()),
                       .what = fmt::format("{} of {} proxy ports are in use", pool.in_use, pool.capacity),
                       .why = full ? "new connections to that backend are refused as proxy_ports_exhausted, unless a "
                                     "closed one can give up its port"
                                   : "when none is left, new connections to that backend are refused as "
                                     "proxy_ports_exhausted",
                       .fix = fmt::format("lbctl pool set {} --add ADDRESS", pool.name)});
    }
}

void find_port_memory(const Facts& facts, Findings& out) {
    if (percent(facts.port_memory, facts.max_port_memory) < high_percent) {
        return;
    }
    out.push_back({.severity = Severity::warning,
                   .subject = "max_port_memory",
                   .what = fmt::format("proxy ports take {} of {}", bytes_text(facts.port_memory),
                                       bytes_text(facts.max_port_memory)),
                   .why = "one more backend or Proxy IP may be refused",
                   .fix = fmt::format("raise max_port_memory in {}, and: {}", facts.config_path, facts.reload)});
}

void find_connection_table(const Facts& facts, Findings& out) {
    const std::uint64_t full = percent(facts.connections, facts.max_connections);
    if (full < high_percent) {
        return;
    }
    out.push_back({.severity = full >= 100 ? Severity::error : Severity::warning,
                   .subject = "max_connections",
                   .what = fmt::format("{} of {} connections are open", facts.connections, facts.max_connections),
                   .why = "in a full table half-open connections give way, and then new ones are refused as "
                          "connection_table_full",
                   .fix = fmt::format("raise max_connections in {}, then: lbagent --detach, and start it again",
                                      facts.config_path)});
}

void find_drops(const Facts& facts, Findings& out) {
    for (const Ailment& ailment : ailments) {
        const ReasonText& reason = text_of(ailment.reason);
        const auto drops = facts.drops.find(std::string(reason.name));
        if (drops == facts.drops.end() || drops->second == 0) {
            continue;
        }
        out.push_back(
            {.severity = ailment.severity,
             .subject = std::string(reason.name),
             .what = fmt::format("{} packets in the last {:.0f} s: {}", drops->second, facts.late_seconds, reason.help),
             .why = std::string(ailment.why),
             .fix = std::string(ailment.fix)});
    }
}

} // namespace proxip::policy::doctor
