#pragma once

// The control protocol, defined once: what lbctl may ask and what the agent answers. Server, client and the test's fake
// all use these types. On the wire (framing.hpp) a request is {"request": NAME, "params": {...}} and an answer is
// {"result": {...}} or {"error": {"code", "message", "path"}}.
//
// The JSON shapes of the answers are the contract that scripts rely on: keys may be added, never renamed or removed.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "model/config.hpp"
#include "model/diff.hpp"
#include "model/result.hpp"
#include "model/tcp_flags.hpp"

namespace proxip::api {

// ---- requests: reading ----------------------------------------------------------------------------------------------

struct StatusRequest {};
struct VersionRequest {};
struct DropsRequest {};
struct StatsRequest {
    std::optional<std::string> service;
};
struct ServiceShow {
    std::optional<std::string> name;
};
struct BackendShow {
    std::optional<std::string> service;
    std::optional<SocketAddress> address;
    std::optional<Address> server = std::nullopt; // in every service that it serves
};
struct PoolShow {
    std::optional<std::string> name;
};
struct ConnFilter {
    std::optional<std::string> service;
    std::optional<Address> client;
    std::optional<SocketAddress> backend; // port 0: any port of that address
};
struct ConnShow {
    ConnFilter filter;
    std::uint32_t limit = 1000; // 0: no limit
};
struct ConnCountRequest {
    ConnFilter filter;
};
struct WhoisRequest { // who has, or had, a proxy port
    SocketAddress proxy;
    std::optional<Protocol> protocol = std::nullopt;
    std::optional<SocketAddress> backend = std::nullopt; // port 0: any port of that address
    std::optional<std::uint64_t> at = std::nullopt;      // ms since 1970
    std::uint32_t limit = 1000;                          // the newest; 0: no limit
};
struct ExplainRequest {
    SocketAddress from;                           // port 0: the agent takes 40000
    ServiceAddress to;                            // a single port
    std::optional<std::string> interface;         // none: the one that the route to `from` uses
    std::optional<TcpFlags> flags = std::nullopt; // none: a SYN to a VIP, an ACK to any other address
};
struct DoctorRequest {};
struct DumpRequest {
    bool json = false;
};
struct TopRequest {             // everything that a live view needs, of one moment
    std::uint32_t clients = 10; // those with the most connections; 0: none, and connections are not looked through
};

// ---- requests: following. The answer says that it begins; what comes after it is in stream.hpp ----------------------

struct MonitorRequest {
    std::vector<std::string> types = {}; // empty: all
    std::uint32_t last = 0;              // so many that were before, first
};
struct TraceFilter { // what is said must all hold, in either direction of a connection
    std::optional<Protocol> protocol = std::nullopt;
    std::optional<SocketAddress> client = std::nullopt; // port 0: any port of that address
    std::optional<std::string> service = std::nullopt;
    std::optional<SocketAddress> backend = std::nullopt; // likewise
    std::optional<Address> host = std::nullopt;          // source or destination, as it came or as it left
    std::optional<std::uint16_t> port = std::nullopt;    // likewise
    bool drops = false;                                  // only what was dropped
};
struct TraceRequest {
    TraceFilter filter;
    std::uint32_t snaplen = 256;  // bytes of a frame that are looked at and kept
    std::uint32_t limit = 10'000; // packets a second; what is above is counted as lost
    bool frames = false;          // the bytes as well
};

// ---- requests: changing ---------------------------------------------------------------------------------------------

// Patches: what is set is changed, the rest stays. patch.hpp puts them on.
struct CheckPatch {
    std::optional<CheckType> type;
    std::optional<std::uint16_t> port;
    std::optional<Millis> interval;
    std::optional<Millis> timeout;
    std::optional<std::uint32_t> rise;
    std::optional<std::uint32_t> fall;
    std::optional<Millis> jitter;
    std::optional<std::string> path;
    std::optional<std::string> host;
    std::optional<StatusSet> status;
    std::optional<bool> verify;
    std::optional<std::string> ca_file;
    std::optional<std::string> send;
    std::optional<std::string> expect;
};
struct IdlePatch {
    std::optional<Millis> syn;
    std::optional<Millis> established;
    std::optional<Millis> closing;
    std::optional<Millis> closed;
    std::optional<Millis> udp;
};
struct ServicePatch {
    std::optional<Scheduler> scheduler;
    std::optional<Snat> snat;
    std::optional<std::string> pool;
    std::optional<Millis> affinity;
    std::optional<OnIdle> on_idle;
    std::optional<OnFailure> on_failure;
    std::optional<OnDown> on_down;
    std::optional<OnAllDown> on_all_down;
    std::optional<std::uint32_t> min_up;
    std::optional<Millis> slow_start;
    std::optional<std::uint32_t> max_connections;
    std::optional<std::uint32_t> max_connections_per_client;
    std::optional<std::vector<Prefix>> allow; // empty: everyone
    CheckPatch check;
    IdlePatch idle_timeout;
};
struct ServiceAdd {
    Service service;
};
struct ServiceSet {
    std::string name;
    ServicePatch patch;
};
struct ServiceDel {
    std::string name;
};
struct BackendPatch {
    std::optional<std::uint32_t> weight;
    std::optional<bool> backup;
    std::optional<std::uint32_t> max_connections;
};
struct BackendAdd {
    std::string service;
    std::vector<Backend> backends;
};
struct BackendSet {
    std::string service;
    std::vector<SocketAddress> addresses;
    BackendPatch patch;
};
struct BackendDel {
    std::string service;
    std::vector<SocketAddress> addresses;
    bool now = false; // their connections end as well
};
struct BackendAdmin {
    std::string service;
    std::vector<SocketAddress> addresses;
    Admin admin = Admin::enabled;
};
struct ServerAdmin { // every backend with this address
    Address address;
    Admin admin = Admin::enabled;
};
struct PoolAdd {
    ProxyPool pool;
};
struct PoolSet {
    std::string name;
    std::vector<AddressRange> add;
    std::vector<AddressRange> remove;
    std::optional<PortRange> ports;
    std::optional<std::uint32_t> max_ports_per_client;
};
struct PoolDel {
    std::string name;
};

// What changes the running configuration by hand. Any of them is a request of its own, and a part of a batch.
using Edit = std::variant<ServiceAdd, ServiceSet, ServiceDel, BackendAdd, BackendSet, BackendDel, BackendAdmin,
                          ServerAdmin, PoolAdd, PoolSet, PoolDel>;
struct Step {
    Edit edit;
    std::string place; // where the user wrote it, for errors: "changes.txt:3"
};
struct Batch { // all or nothing, in this order, one generation; what is between two steps need not be valid
    std::vector<Step> steps;
    bool dry_run = false;
    std::optional<std::uint64_t> if_generation = std::nullopt;
};

struct ConnDel { // those that the filter picks; with an empty one, and `all`, every one
    ConnFilter filter;
    bool all = false;
};
struct ConfigText { // a file as the user wrote it; the agent parses, so that there is one parser and one set of errors
    std::string text;
    std::string source; // its name in errors
};
struct ValidateRequest {
    ConfigText config;
};
struct DiffRequest {
    ConfigText config;
};
struct ApplyRequest {
    ConfigText config;
    bool dry_run = false;
    std::optional<std::uint64_t> if_generation;
    std::optional<Millis> confirm = std::nullopt; // back to what ran before, unless a ConfirmRequest comes in time
};
struct ConfirmRequest {};  // what an apply is trying stays
struct RollbackRequest {}; // back at once

using Request = std::variant<StatusRequest, VersionRequest, DropsRequest, StatsRequest, ServiceShow, BackendShow,
                             PoolShow, ConnShow, ConnCountRequest, ConnDel, WhoisRequest, ExplainRequest, DoctorRequest,
                             DumpRequest, TopRequest, MonitorRequest, TraceRequest, ServiceAdd, ServiceSet, ServiceDel,
                             BackendAdd, BackendSet, BackendDel, BackendAdmin, ServerAdmin, PoolAdd, PoolSet, PoolDel,
                             Batch, ValidateRequest, DiffRequest, ApplyRequest, ConfirmRequest, RollbackRequest>;

// None: it does not change anything by hand.
[[nodiscard]] std::optional<Edit> edit_of(const Request& request);

// ---- answers --------------------------------------------------------------------------------------------------------

struct Version {
    std::string version; // "0.1.0"
    std::uint32_t abi = 0;
};

struct Status {
    struct Interface {
        std::string name;
        std::uint32_t ifindex = 0;
        std::string xdp_mode; // "native" | "generic"
    };
    std::string version;
    bool ready = false;
    std::uint64_t generation = 0;
    bool drift = false; // the running configuration is not what the file said when it was last applied
    double uptime_seconds = 0;
    std::uint64_t connections = 0; // live ones: closed ones that only keep their mapping are not counted
    std::uint32_t max_connections = 0;
    std::vector<Interface> interfaces;
    struct {
        std::uint32_t up = 0;
        std::uint32_t down = 0;
    } backends;
    std::vector<std::string> warnings; // conflicts on an address, warnings of the configuration
    struct Confirm {
        std::uint64_t back_to = 0; // the generation that ran before
        double seconds_left = 0;
    };
    std::optional<Confirm> confirm = std::nullopt; // an apply waits to be confirmed
};

struct BackendView {
    std::string service;
    std::string address;
    std::uint32_t weight = 0;
    std::string state;  // "up" | "down" | "drain" | "disabled" | "leaving"
    std::string health; // "up" | "down" | "unknown"
    std::string admin;  // "enabled" | "drain" | "disabled"
    bool backup = false;
    std::uint64_t connections = 0;
    std::string last_check; // "connected in 0.3 ms", "connection refused", "" before the first
    double share = 0;       // of the service's new connections, from 0 to 1
    std::optional<double> health_seconds =
        std::nullopt; // `health` is so since; none: unchecked, or longer than the agent
    std::optional<double> check_seconds = std::nullopt; // since the last check
};

struct ServiceView {
    std::string name;
    std::string address;
    std::string scheduler;
    std::string snat;
    std::string pool;
    std::uint64_t connections = 0;
    std::vector<BackendView> backends;
};

struct PoolView {
    struct Endpoint {
        std::string address; // of the backend
        std::string protocol;
        std::uint64_t in_use = 0;
        std::uint64_t capacity = 0;
        std::string ports{}; // that these are of
        bool former = false; // a range that the pool had before: none of them is handed out any more
    };
    struct ProxyAddress {
        std::string address;
        std::uint64_t in_use = 0;
        std::vector<Endpoint> endpoints;
    };
    std::string name;
    std::string ports;
    std::vector<ProxyAddress> addresses;
};

struct Directions {
    std::uint64_t in = 0;  // from the client
    std::uint64_t out = 0; // to the client
};

struct ConnView {
    std::string service;
    std::string protocol;
    std::string client;
    std::string vip;
    std::optional<std::string> proxy;
    std::string backend;
    std::string state;                      // "syn" | "established" | "closing" | "closed" | "udp"
    std::optional<std::string> snat_reason; // "always" | "hairpin" | "off-path" | "reply-tuple-taken"
    double age_seconds = 0;
    double idle_seconds = 0;
    Directions packets;
    Directions bytes;
};

struct ConnCount {
    std::uint64_t connections = 0; // live
    std::uint64_t closed = 0;      // over, but their mapping is still kept
};

struct Ended {
    std::uint64_t ended = 0; // connections
};

struct WhoisView {
    std::string client;
    std::string service;
    std::string backend;
    std::string protocol;
    std::string since; // ISO 8601, UTC
    std::optional<std::string> until;
    std::optional<std::string> vip = std::nullopt; // when destinations are logged
    std::string state = "open";                    // "open" | "closed" | "unknown": over, but its end was not heard
};

struct StatsView {
    struct Backend {
        std::string address;
        std::uint64_t connections = 0; // now
        std::uint64_t connections_total = 0;
        Directions packets;
        Directions bytes;
    };
    std::string service;
    std::uint64_t connections = 0;
    std::uint64_t connections_total = 0;
    Directions packets;
    Directions bytes;
    std::vector<Backend> backends;
};

struct Top {
    struct Backend {
        std::string address;
        std::string state; // as in BackendView
        std::string health;
        std::uint64_t connections = 0;
        std::uint64_t connections_total = 0;
        Directions packets;
        Directions bytes;
    };
    struct Service {
        std::string name;
        std::string address;
        std::vector<Backend> backends;
    };
    struct Use {
        std::string endpoint; // "tcp://1.1.1.11:80"
        std::uint64_t in_use = 0;
        std::uint64_t capacity = 0;
    };
    struct Pool {
        std::string name;
        std::uint64_t in_use = 0; // proxy ports, of all its addresses and endpoints
        std::uint64_t capacity = 0;
        std::optional<Use> fullest = std::nullopt; // the endpoint that is nearest to having none left
    };
    struct Client {
        std::string address;
        std::uint64_t connections = 0; // live
        std::uint64_t proxy_ports = 0; // those that closed connections keep included
    };
    std::string time; // of the reading, RFC 3339
    double at = 0;    // seconds of a clock that nobody sets: for rates between two readings
    std::uint64_t generation = 0;
    std::uint64_t connections = 0;
    std::uint64_t max_connections = 0;
    std::vector<Service> services;
    std::map<std::string, std::uint64_t> drops; // by reason, those at 0 too
    std::vector<Pool> pools;
    std::vector<Client> clients; // the most connections first
    std::uint32_t one_in = 1;    // clients: one connection of so many was looked at, and its numbers are scaled up
};

struct Following {                       // it begins
    std::vector<std::string> interfaces; // trace: where packets are seen
};

struct Explain {
    struct NextHop {
        std::string interface;
        std::string mac;
        std::string via; // "redirect" | "tc"
    };
    struct Connection {        // that the packet belongs to
        std::string direction; // "original": from the client | "reply": from the backend
        std::string client;
        std::string vip;
        std::string state; // as conn show
    };
    std::string verdict; // "forward" | "answer" | "drop" | "pass"
    // A drop reason's name; why it forwards: "connection" (an existing one) | "new"; why it passes: "not_ours" |
    // "not_attached" (no program of ours where it comes in)
    std::string reason;
    std::optional<std::string> answer; // "tcp-rst" | "icmp" | "arp" | "echo"
    std::optional<std::string> service;
    std::optional<std::string> backend;
    std::optional<std::string> proxy; // address; the port too where it is known before the packet comes
    std::optional<std::string> snat_reason;
    std::optional<NextHop> next_hop;
    std::optional<Connection> connection = std::nullopt;
    std::vector<std::string> why = {}; // for people: what the reasons mean
};

struct Finding {
    std::string severity; // "error" | "warning" | "note"
    std::string check;    // model/doctor_check.hpp
    std::string subject;
    std::string what;
    std::string why;
    std::string fix; // the command that mends it
};

struct Doctor {
    std::vector<Finding> findings; // the worst first
    std::vector<std::string> ok;   // checks that found nothing
};

// What an apply costs, told by validate, diff and every change.
struct Plan {
    struct Pool { // one family of a pool's addresses: bytes = 2 x ports x addresses x endpoints
        std::string name;
        std::uint64_t ports = 0;
        std::uint64_t addresses = 0;
        std::uint64_t endpoints = 0;
        std::uint64_t bytes = 0;
    };
    std::uint64_t generation = 0; // the running one; after a change, the new one
    bool applied = false;
    std::vector<Change> changes;
    std::uint64_t port_memory = 0;     // bytes: 2 x ports x addresses x endpoints
    std::uint64_t max_port_memory = 0; // bytes
    std::uint64_t endpoints = 0;
    std::vector<std::string> warnings;
    std::uint64_t port_memory_before = 0; // of what ran
    std::vector<Pool> pools = {};
    std::optional<double> confirm_seconds = std::nullopt; // gone back on after so long, unless confirmed
};

struct Dump {
    std::string text;
    std::uint64_t generation = 0;
};

using Drops = std::map<std::string, std::uint64_t>; // every reason, also those at 0

using Answer = std::variant<Version, Status, Drops, std::vector<StatsView>, std::vector<ServiceView>,
                            std::vector<BackendView>, std::vector<PoolView>, std::vector<ConnView>, ConnCount, Ended,
                            std::vector<WhoisView>, Explain, Doctor, Dump, Top, Following, Plan>;

// ---- JSON -----------------------------------------------------------------------------------------------------------

// Strict on the way in: an unknown request, an unknown or missing key or a wrong type is an error with its path. An
// answer may hold keys that this version does not know: the contract lets keys be added.
[[nodiscard]] nlohmann::json encode(const Request& request);
[[nodiscard]] Result<Request> decode_request(const nlohmann::json& value);

[[nodiscard]] nlohmann::json encode(const Answer& answer); // the contract's shape, without the {"result": …} around it
[[nodiscard]] nlohmann::json encode(const Error& error);   // {"code","message","path"}
// The answer to `request`: which type it is follows from the request.
[[nodiscard]] Result<Answer> decode_answer(const Request& request, const nlohmann::json& value);

} // namespace proxip::api
