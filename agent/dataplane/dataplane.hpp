#pragma once

// The data plane as the agent sees it: tables of a configuration, the neighbourhood, hooks, and what can be read back.
// An interface, so that the agent's logic can be tested without a kernel; kernel.hpp has the real one.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/tracer.hpp"
#include "model/config.hpp"
#include "model/result.hpp"
#include "policy/image.hpp"

namespace proxip::dataplane {

using Mac = std::array<std::uint8_t, 6>;

struct Link { // an interface that packets come from or leave by
    std::uint32_t index = 0;
    Mac mac{};
    std::uint32_t mtu = 0;
    bool ethernet = false;          // packets have a link-layer header
    bool partial_checksums = false; // a local sender's unfinished checksums may arrive (redirect_capability.hpp)
};

struct Attachment {
    std::uint32_t index = 0;
    XdpMode mode = XdpMode::native; // native or generic
};

// Where an endpoint is reached. No hop: unresolved, packets to it are dropped and counted.
struct Path {
    struct Hop {
        std::uint32_t link = 0;
        Mac mac{};

        bool operator==(const Hop&) const = default;
    };
    std::optional<Hop> hop;
    std::optional<int> inline_prefix; // its answers come back by themselves; length of its own segment's prefix

    bool operator==(const Path&) const = default;
};

struct Local { // a VIP or a Proxy IP
    bool vip = false;
    bool proxy = false;
    bool host = false;           // also an address of the host
    bool answer = false;         // ARP and echo are answered
    std::uint32_t only_link = 0; // answered for on this interface alone; 0: on every one

    bool operator==(const Local&) const = default;
};

struct Connection {
    policy::Id service = 0;
    policy::Id endpoint = 0;
    policy::Id binding = 0;
    Protocol protocol = Protocol::tcp;
    SocketAddress client;
    SocketAddress vip;
    std::optional<SocketAddress> proxy;
    SocketAddress backend;
    abi::abi_conn_state state = abi::ABI_FREE;
    abi::abi_snat_reason reason = abi::ABI_SNAT_NONE;
    std::uint64_t opened_ns = 0; // CLOCK_MONOTONIC_COARSE
    double age_seconds = 0;
    double idle_seconds = 0;
    abi::abi_counter in{};
    abi::abi_counter out{};
};

// A connection with a Proxy IP was opened, or ended. Times: CLOCK_MONOTONIC_COARSE, which ends with the host.
struct NatEvent {
    bool opened = false;
    std::uint64_t since_ns = 0; // when the connection was opened
    std::uint64_t at_ns = 0;    // when this happened
    Protocol protocol = Protocol::tcp;
    SocketAddress client;
    SocketAddress vip;
    SocketAddress proxy;
    SocketAddress backend;
    policy::Id service = 0;
};

struct BindingCounts {
    std::uint64_t live = 0;
    std::uint64_t opened = 0;
    abi::abi_counter in{};
    abi::abi_counter out{};
};

struct RingUse {
    policy::Id proxy = 0;
    policy::Id endpoint = 0;
    std::uint64_t in_use = 0;
    std::uint64_t capacity = 0;
};

struct Question { // for explain: a packet
    Protocol protocol = Protocol::tcp;
    SocketAddress from;
    SocketAddress to;
    std::uint32_t link = 0; // the interface it comes in by
    std::uint8_t tcp_flags = abi::ABI_TCP_SYN;
};

struct Decision {
    abi::abi_decision made{};
    std::optional<Connection> connection; // that the packet belongs to, if it is there still
};

class Dataplane {
  public:
    virtual ~Dataplane() = default;

    // ---- configuration ----
    [[nodiscard]] virtual std::uint64_t generation() const = 0; // 0: nothing installed yet
    [[nodiscard]] virtual std::uint32_t max_connections() const = 0;
    [[nodiscard]] virtual Result<policy::Identities> identities() const = 0; // as the tables have them
    [[nodiscard]] virtual policy::References open_references() const = 0;    // what connections name
    // From the running image to this one, in one step; on failure the running one runs on.
    [[nodiscard]] virtual Result<void> install(const policy::Image& image, std::uint64_t generation) = 0;
    // Ids that nothing names any more.
    virtual void clear(const policy::References& freed) = 0;

    // ---- neighbourhood: in place, each change atomic by itself ----
    [[nodiscard]] virtual Result<void> set_link(const Link& link) = 0;
    virtual void forget_link(std::uint32_t index) = 0;
    virtual void set_path(policy::Id endpoint, const Path& path) = 0;
    [[nodiscard]] virtual Result<void> set_locals(const std::map<Address, Local>& locals) = 0;
    // Does this interface take redirected frames now? Asked again from time to time: a veth's peer may change its mind.
    virtual void probe_redirect(std::uint32_t index) = 0;
    [[nodiscard]] virtual bool takes_redirects(std::uint32_t index) const = 0;

    // ---- hooks ----
    [[nodiscard]] virtual Result<XdpMode> attach(std::uint32_t index, XdpMode mode) = 0;
    virtual void detach(std::uint32_t index) = 0;
    [[nodiscard]] virtual std::vector<Attachment> attachments() const = 0;

    // ---- ending ----
    // Connections that `which` picks end within some 10 ms, and both ends of a TCP one get a RST. How many.
    virtual std::size_t end_connections(const std::function<bool(const Connection&)>& which) = 0;
    // Of more than 65,536 the others follow from call to call.
    virtual bool go_on_ending() = 0;                                          // true: there is still more
    virtual void await_endings(std::chrono::milliseconds patience) const = 0; // blocks until they are carried out

    // ---- the NAT log ----
    virtual void tell_nat(bool on) = 0; // at once, and for good
    [[nodiscard]] virtual bool tells_nat() const = 0;
    virtual void read_nat_events(const std::function<void(const NatEvent&)>& visit) = 0; // those since the last time
    [[nodiscard]] virtual std::uint64_t nat_events_lost() const = 0; // there was no room, since the data plane began
    [[nodiscard]] virtual std::uint64_t nat_buffer() const = 0;      // bytes

    // ---- reading ----
    [[nodiscard]] virtual std::map<std::string, std::uint64_t> drops() const = 0;  // by reason, all of them
    [[nodiscard]] virtual std::map<std::string, std::uint64_t> events() const = 0; // what else is counted
    [[nodiscard]] virtual std::uint64_t live_connections() const = 0;
    virtual void each_connection(const std::function<bool(const Connection&)>& visit) const = 0; // until false
    // Those that are half open, kept the client's address, and have had no answer, until false. A look at two cache
    // lines of each slot that was ever used: 10 ms for a million.
    virtual void each_unanswered(const std::function<bool(const Connection&)>& visit) const = 0;
    [[nodiscard]] virtual double seconds_since_sweep() const = 0; // the data plane's own timer
    // At most about so many, from all over the table: one in as many as it says.
    virtual std::uint32_t sample_connections(std::uint32_t at_most,
                                             const std::function<void(const Connection&)>& visit) const = 0;
    [[nodiscard]] virtual BindingCounts counts(policy::Id binding) const = 0;
    // What an earlier agent knew of a backend's health.
    [[nodiscard]] virtual bool is_down(policy::Id binding) const = 0;
    [[nodiscard]] virtual std::vector<RingUse> ring_use(const std::vector<policy::Id>& rings) const = 0;
    [[nodiscard]] virtual Result<Decision> explain(const Question& question) const = 0;
    // Packets as they pass, for as long as it lives.
    [[nodiscard]] virtual Result<std::unique_ptr<Tracer>> trace(const TraceOrder& order) = 0;
    // The interface behind a hop of the data plane, and whether packets leave it by redirect.
    [[nodiscard]] virtual std::uint32_t link_of(const abi::abi_hop& hop) const = 0;
};

} // namespace proxip::dataplane
