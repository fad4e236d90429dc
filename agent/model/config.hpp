#pragma once

// The configuration as types. Every default of the product is a member initialiser here and nowhere else; the codec
// (codec.hpp) is the only way in from text, and what passed validate() is never checked again.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/address.hpp"
#include "model/result.hpp"
#include "model/status_set.hpp"

namespace proxip {

using Millis = std::chrono::milliseconds;

enum class XdpMode { automatic, native, generic }; // "auto", "native", "generic"
enum class Scheduler { maglev, round_robin, least_connections, source_hash };
enum class Snat { always, automatic, never }; // "always", "auto", "never"
enum class OnFailure { reset, drop };
enum class OnIdle { silent, reset };      // are the ends of an idle connection told that it is gone?
enum class OnDown { keep, reset };        // live TCP connections of a backend that went down
enum class OnAllDown { fail, keep_last }; // "fail", "keep-last"
enum class CheckType { none, tcp, http, https, icmp, udp };
enum class Admin { enabled, drain, disabled }; // an operator's overlay on a backend; survives an apply and a restart

struct Interface {
    std::string name;
    std::optional<XdpMode> xdp_mode; // none: the agent's

    bool operator==(const Interface&) const = default;
};

// Who had which proxy port (docs/nat-log.md).
struct NatLogConfig {
    bool enabled = true;
    Millis keep{24LL * 3600 * 1000};
    std::uint64_t max_size = 64ULL << 20; // bytes on disk
    std::uint64_t buffer = 4ULL << 20;    // bytes, between data plane and agent
    bool destinations = false;            // the VIP that was called, too
    std::string json;                     // a file or a Unix socket that gets a line for each event; "": none

    bool operator==(const NatLogConfig&) const = default;
};

struct AgentConfig {
    std::vector<Interface> interfaces;
    XdpMode xdp_mode = XdpMode::automatic;
    std::string metrics = "127.0.0.1:9631"; // "": off
    std::uint32_t max_connections = 1048576;
    std::uint64_t max_port_memory = 256ULL << 20; // bytes; in text "256MiB" (KiB, MiB, GiB, or a plain number of bytes)
    std::vector<Prefix> inline_networks;
    NatLogConfig nat_log = {};

    bool operator==(const AgentConfig&) const = default;
};

struct ProxyPool {
    std::string name;
    std::vector<AddressRange> addresses;
    PortRange ports{1024, 65535};
    std::vector<PortRange> exclude_ports;
    std::uint32_t max_ports_per_client = 0; // towards one backend endpoint; 0: no limit

    bool operator==(const ProxyPool&) const = default;
    [[nodiscard]] std::vector<Address> each_address() const; // in order, duplicates impossible after validate()
    // Those that can stand in for a client of this family: a pool may have both.
    [[nodiscard]] std::vector<Address> each_address(Family family) const;
    [[nodiscard]] std::uint64_t address_count(Family family) const; // exact after validate()
    // The ports it hands out, as disjoint ascending ranges: `ports` less `exclude_ports`.
    [[nodiscard]] std::vector<PortRange> port_segments() const;
    [[nodiscard]] std::uint32_t port_count() const;
};

// How long a connection may be silent in each state (RFC 5382 REQ-5, RFC 4787 REQ-5, RFC 7857 section 2).
struct IdleTimeouts {
    Millis syn{240'000};
    Millis established{7'440'000};
    Millis closing{240'000};
    Millis closed{120'000};
    Millis udp{300'000};

    bool operator==(const IdleTimeouts&) const = default;
};

struct Check {
    CheckType type = CheckType::none;
    std::optional<std::uint16_t> port; // none: the backend's
    Millis interval{2'000};
    Millis timeout{1'000};
    std::uint32_t rise = 2;
    std::uint32_t fall = 3;
    std::optional<Millis> jitter = std::nullopt; // the interval is shorter by up to this; none: by up to a twentieth
    std::string path = "/";                      // http, https
    std::string host{};                          // http, https: Host and SNI; "": the backend's address
    StatusSet status{};                          // http, https
    bool verify = false;                         // https: the certificate, its name too
    std::string ca_file{};                       // https: PEM; "": the system's
    std::string send{};                          // udp
    std::string expect{};                        // udp: the answer begins with it; "": no answer is needed

    bool operator==(const Check&) const = default;
    // A check is over when the next one is due, so that a death is noticed within fall * interval + timeout.
    [[nodiscard]] Millis patience() const { return std::min(timeout, interval); }
    [[nodiscard]] Millis most_jitter() const { return jitter.value_or(interval / 20); }
    [[nodiscard]] bool is_http() const { return type == CheckType::http || type == CheckType::https; }
    [[nodiscard]] bool has_port() const { return type != CheckType::none && type != CheckType::icmp; }
};

struct Backend {
    SocketAddress address;
    std::uint32_t weight = 1; // 0..limits::max_weight; 0: no new connections
    bool backup = false;
    std::uint32_t max_connections = 0; // live ones of this service; 0: no limit
    std::optional<bool>
        enabled; // none: the file does not say, so an operator's overlay stays (contract, "File and hand")

    bool operator==(const Backend&) const = default;
};

struct Service {
    std::string name;
    ServiceAddress address;
    Scheduler scheduler = Scheduler::maglev;
    Snat snat = Snat::always;
    std::string pool = "default";
    Millis affinity{0}; // a client goes back to its backend for so long after its last new connection; 0: it need not
    IdleTimeouts idle_timeout;
    OnIdle on_idle = OnIdle::silent;
    OnFailure on_failure = OnFailure::reset;
    OnDown on_down = OnDown::keep;
    OnAllDown on_all_down = OnAllDown::fail;
    std::uint32_t min_up = 0; // so many at least are kept in rotation, whatever the checks say (policy/rotation.hpp)
    Millis slow_start{0};     // until a backend that joins has its whole weight
    // Live connections; 0: no limit. A client is an address, of IPv6 a /64 (RFC 6888 REQ-4, REQ-5).
    std::uint32_t max_connections = 0;
    std::uint32_t max_connections_per_client = 0;
    std::vector<Prefix> allow; // client networks; empty: everyone ("0.0.0.0/0", "::/0" in text)
    Check check;
    std::vector<Backend> backends;

    bool operator==(const Service&) const = default;
    [[nodiscard]] const Backend* find(const SocketAddress& address) const;
};

struct Config {
    AgentConfig agent;
    std::vector<ProxyPool> pools;
    std::vector<Service> services;

    bool operator==(const Config&) const = default;
    [[nodiscard]] const Service* service(std::string_view name) const;
    [[nodiscard]] const ProxyPool* pool(std::string_view name) const;
};

// Stated limits (docs/configuration.md is checked against them). Those the kernel's tables set are in bpf/abi/limits.h.
namespace limits {
inline constexpr std::size_t max_name_length = 64; // [A-Za-z0-9][A-Za-z0-9_.-]*
inline constexpr std::uint32_t max_weight = 256;
inline constexpr std::uint32_t min_connections = 64;
inline constexpr std::uint32_t max_connections = 64U << 20;
inline constexpr std::size_t max_config_bytes = 16U << 20;
inline constexpr std::size_t max_pools = 1024;
inline constexpr std::size_t max_proxy_addresses = 16384; // in all pools together
inline constexpr std::size_t max_pool_addresses = 256;
inline constexpr std::size_t max_services = 8192;
inline constexpr std::size_t max_service_ports = 131072; // addresses with each of their ports; "*" counts as one
inline constexpr std::size_t max_sources = 262144;       // backends, each times the addresses of its pool
inline constexpr std::size_t max_backends = 32768;       // in all services together
inline constexpr std::size_t max_backends_per_service = 1024;
inline constexpr std::size_t max_allow = 131072;      // prefixes, in all services together
inline constexpr std::size_t max_port_segments = 8;   // pieces that exclude_ports leaves of a pool's ports
inline constexpr std::size_t max_interface_name = 15; // IFNAMSIZ less its zero
inline constexpr Millis min_nat_keep{1'000};
inline constexpr Millis max_nat_keep{10LL * 366 * 24 * 3600 * 1000};
inline constexpr std::uint64_t min_nat_size = 1ULL << 20;
inline constexpr std::uint64_t max_nat_size = 1ULL << 40;
inline constexpr std::uint64_t min_nat_buffer = 64ULL << 10;
inline constexpr std::uint64_t max_nat_buffer = 1ULL << 30;
inline constexpr std::size_t max_nat_json = 1024;
inline constexpr Millis min_interval{100};
inline constexpr Millis min_check_timeout{10};
inline constexpr Millis min_idle_timeout{100};
inline constexpr Millis min_affinity{1'000};
inline constexpr Millis max_timeout{30LL * 24 * 3600 * 1000};
inline constexpr std::uint32_t max_rise_fall = 100;
inline constexpr Millis min_slow_start{1'000};
inline constexpr std::size_t max_check_text = 1024; // path, ca_file, send, expect
inline constexpr std::size_t max_host_length = 253; // RFC 1035 section 2.3.4, without the root's dot
} // namespace limits

// Everything that must hold between parts: unique names and addresses, no overlap (two services on one address, a VIP
// that is a Proxy IP, one Proxy IP in two pools), pools that exist when snat needs them, one family per service,
// limits. The error's path names the place: "service[web].backend[10.0.0.1:80].weight".
[[nodiscard]] Result<void> validate(const Config& config);

// What is not wrong, but probably not meant: a backend that is a VIP, a service without backends or with all weights 0.
[[nodiscard]] std::vector<std::string> warnings(const Config& config);

} // namespace proxip
