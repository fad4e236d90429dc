#pragma once

// What would break here: facts in, findings out. Pure. Each rule is a function of the facts; docs/doctor.md tells of
// every one.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "model/doctor_check.hpp"
#include "policy/rotation.hpp"

namespace proxip::policy::doctor {

struct Finding {
    Severity severity = Severity::warning;
    DoctorCheck check = DoctorCheck::interface;
    std::string subject{}; // "eth1", "web: 1.1.1.12:80", "1.1.1.80"
    std::string what{};    // what is so
    std::string why{};     // why it matters
    std::string fix{};     // the command that mends it, as it is to be typed

    bool operator==(const Finding&) const = default;
};

struct Interface { // that packets come in by, or leave by
    std::string name{};
    bool named = false; // in agent.interfaces
    bool present = true;
    bool attached = false;
    std::string trouble{}; // why it is not attached
    XdpMode asked = XdpMode::automatic;
    XdpMode mode = XdpMode::native; // where it is attached
    std::string driver{};           // "" when it tells none
    bool is_virtual = false;        // veth, bridge, vlan, tun, ...
    bool takes_redirects = false;
    bool merges = false;              // LRO, or GRO in hardware
    bool strips_tags = false;         // takes VLAN tags off before XDP sees the frame
    std::vector<std::string> vlans{}; // VLAN interfaces on it
    std::uint32_t mtu = 0;
    std::uint64_t redirect_errors = 0; // of late
};

struct OwnAddress { // a VIP or a Proxy IP
    Address address{};
    bool vip = false;
    std::string other_mac{}; // who else on the segment has it; "": nobody
    std::string other_link{};
    bool of_host = false; // also an address of this host
    std::string host_link{};
    int host_prefix = 0;
    bool routed_local = false; // a local route that is no address of an interface
};

struct Server { // a backend as one service uses it, which may get new connections
    std::string service{};
    SocketAddress address{};
    Protocol protocol = Protocol::tcp;
    Health health = Health::unknown;
    std::string last_check{};
};

struct Way { // to a next hop, and which backends are behind it
    std::string link{};
    Address next{};
    std::vector<Server> servers{};
    bool known = false;      // its MAC: else packets to it are dropped
    bool answers = true;     // and it answers for it still
    std::string no_route{};  // why there is no way at all; "" when there is
    std::uint32_t count = 0; // of servers, also those that `servers` does not list
};

struct Silence { // connections to a backend that kept the client's address, and whose answers never came
    Server server{};
    Snat snat = Snat::never;
    bool checked = false; // the service has a check, and it is up
    bool resolved = true; // the host answers ARP, or its gateway does
    std::string pool{};
    bool pool_exists = true;
    std::uint32_t connections = 0;
    std::uint32_t neighbours = 0; // of them, from the backend's own segment
    Address client{};             // one of them, a neighbour if there is one
    bool answers_others = false;  // meanwhile answers of this backend did come by
};

struct Pool { // the ports of a pool towards one endpoint
    std::string name{};
    Protocol protocol = Protocol::tcp;
    SocketAddress endpoint{};
    std::uint64_t in_use = 0;
    std::uint64_t capacity = 0;
};

struct Standing { // of a service as a whole
    std::string service{};
    Basis basis = Basis::checks;
    bool has_backends = true; // that an operator has not taken out
};

struct Clock {
    bool synchronised = true;
    double stepped_seconds = 0; // since the agent started
    std::string needed_by{};    // "the NAT log"; "": nothing here reads the wall clock
};

struct Bpffs {
    std::string folder{};
    bool mounted = true;     // the folder is on a bpffs
    bool pinned = true;      // and the maps are there
    bool own_mounts = false; // the agent has a mount namespace of its own: the mount ends with it
};

struct Memory { // of the cgroup that the maps are charged to; limit 0: none
    std::string cgroup{};
    std::uint64_t used = 0;
    std::uint64_t limit = 0;
};

struct NatLog { // where the NAT log is off, all of it is 0
    std::string folder{};
    std::string trouble{};       // why it cannot be kept now; "": it is
    std::uint64_t unwritten = 0; // records since the agent started, if some of them were of late
    std::uint64_t lost = 0;      // events since the data plane began, likewise
    std::uint64_t buffer = 0;    // bytes, that they found no room in
    double late_seconds = 3600;  // how long "of late" is
    std::string lines{};         // path of nat_log.json
    std::string lines_trouble{};
};

struct Facts {
    std::vector<Interface> interfaces{};
    std::vector<OwnAddress> addresses{};
    std::vector<Way> ways{};
    std::vector<Silence> silences{};
    std::vector<Server> servers{};
    std::vector<Standing> services{};
    std::vector<Pool> pools{};
    std::uint64_t port_memory = 0;
    std::uint64_t max_port_memory = 0;
    std::uint64_t connections = 0;
    std::uint64_t max_connections = 0;
    std::map<std::string, std::uint64_t> drops{}; // by reason, of late
    double late_seconds = 60;                     // how long that is
    double seconds_since_sweep = 0;
    std::optional<Clock> clock{}; // none: could not be read; likewise below
    std::optional<Bpffs> bpffs{};
    std::optional<Memory> memory{};
    std::string config_path{};
    std::string reload{};  // the command that makes this agent read its file
    std::string restart{}; // and the one that starts it anew
    std::string file_trouble{};
    bool drift = false;
    std::vector<std::string> warnings{}; // of the configuration
    std::string metrics_trouble{};
    NatLog nat_log{};
};

struct Diagnosis {
    std::vector<Finding> findings{}; // the worst first
    std::vector<DoctorCheck> ok{};   // looked at, and nothing found
};

[[nodiscard]] Diagnosis diagnose(const Facts& facts);

} // namespace proxip::policy::doctor
