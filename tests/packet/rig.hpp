#pragma once

// The data plane, empty at first, with one small network around it:
//
//     client 198.51.100.7 -- front [load balancer] back -- backends 203.0.113.11, .12
//
// VIP 192.0.2.80 (tcp 80, udp 53), Proxy IP 192.0.2.254. And the same with IPv6:
//
//     client 2001:db8:1::7 -- front [load balancer] back -- backend 2001:db8:2::11
//
// VIP 2001:db8::80, Proxy IP 2001:db8::254.

#include <functional>
#include <map>
#include <string>

#include "dataplane/dataplane.hpp"
#include "packet/packet.hpp"
#include "packet/plane.hpp"
#include "packet/program_run.hpp"
#include "packet/world.hpp"
#include "policy/image.hpp"

namespace proxip::packet {

[[nodiscard]] Address address(Ip ip);
[[nodiscard]] Address address(const Ip6& ip);
[[nodiscard]] Config basic_config(); // "web" and "dns" with one backend, ports 1024-65535
[[nodiscard]] Config ipv6_config();  // the same with IPv6
[[nodiscard]] Backend backend_at(Ip ip, std::uint16_t port);

class Rig {
  public:
    explicit Rig(const Config& config = basic_config());

    // Another configuration, in one step; paths of new endpoints are set.
    void install(const Config& config, const policy::Available& available = everything,
                 const policy::Down& down = nothing);
    static bool nothing(const Service& /*service*/, const proxip::Backend& /*backend*/) { return false; }
    static bool everything(const Service& /*service*/, const proxip::Backend& /*backend*/) { return true; }

    [[nodiscard]] Outcome from_client(const Frame& frame) const { return run_xdp(fast_, front, frame); }
    [[nodiscard]] Outcome from_backend(const Frame& frame) const { return run_xdp(fast_, back, frame); }

    // Opens a TCP connection with the client's SYN, or a UDP one with its first datagram; the proxy port that it got,
    // or 0.
    std::uint16_t open(std::uint16_t from_port = client_port, Ip from = client) const;
    std::uint16_t open_udp(std::uint16_t from_port = client_port, Ip from = client) const;
    // With that frame.
    [[nodiscard]] std::uint16_t open(const Frame& first) const;
    // To established: SYN, SYN-ACK, ACK.
    std::uint16_t establish(std::uint16_t from_port = client_port) const;
    // One TCP segment of a connection that open() made; its verdict.
    Verdict say(std::uint16_t from_port, std::uint8_t flags) const;
    Verdict reply(std::uint16_t proxy_port, std::uint8_t flags, Ip from = backend) const;

    // Since the rig was made.
    [[nodiscard]] std::uint64_t count(abi::abi_reason reason) const;
    [[nodiscard]] std::uint64_t all_drops() const;
    [[nodiscard]] std::vector<dataplane::Connection> connections() const;
    [[nodiscard]] std::optional<dataplane::Connection> connection_of(std::uint16_t from_port, Ip from = client) const;
    [[nodiscard]] std::optional<dataplane::Connection> connection_of(const SocketAddress& from) const;

    void flags(std::uint32_t ifindex, std::uint16_t set, std::uint16_t cleared) const; // enum abi_iface_flags
    [[nodiscard]] std::uint16_t flags_of(std::uint32_t ifindex) const;
    [[nodiscard]] std::uint32_t place_of(std::uint32_t ifindex) const; // in `iface`; 0: it has none
    void mtu(std::uint32_t ifindex, std::uint32_t bytes);
    void paths(const dataplane::Path& path); // of every endpoint
    [[nodiscard]] dataplane::Path path() const {
        return {.hop = {{.link = back, .mac = backend_mac}}, .inline_prefix = {}};
    }
    void local(Ip ip, const dataplane::Local& how) { local(address(ip), how); }
    void local(const Ip6& ip, const dataplane::Local& how) { local(address(ip), how); }

    [[nodiscard]] dataplane::Dataplane& plane() const { return *plane_.kernel; }
    [[nodiscard]] std::uint32_t magic() const; // of this data plane's marks
    [[nodiscard]] int map(const char* name) const;
    [[nodiscard]] int program(const char* name) const;
    [[nodiscard]] const policy::Image& image() const { return image_; }

    // NOLINTBEGIN(cppcoreguidelines-non-private-member-variables-in-classes)
    const std::uint32_t front;
    const std::uint32_t back;
    // NOLINTEND(cppcoreguidelines-non-private-member-variables-in-classes)

  private:
    void local(const Address& ip, const dataplane::Local& how);
    void add_link(std::uint32_t ifindex, const Mac& mac, std::uint32_t mtu);

    Plane& plane_;
    policy::Image image_;
    std::map<Address, dataplane::Local> locals_;
    int fast_ = -1;
};

// What the load balancer makes of the defaults of Packet.
[[nodiscard]] Ethernet to_backend();               // as it leaves towards the backend
[[nodiscard]] Ethernet to_client();                // and towards the client
[[nodiscard]] Ethernet from_backend();             // as the backend's frames come in
[[nodiscard]] Ipv4 translated(Ipv4 ip = {});       // Proxy IP to backend, TTL one less
[[nodiscard]] Ipv4 reply_ip(Ipv4 ip = {});         // backend to Proxy IP
[[nodiscard]] Ipv4 reply_translated(Ipv4 ip = {}); // VIP to client, TTL one less
[[nodiscard]] Ipv6 translated(Ipv6 ip);
[[nodiscard]] Ipv6 reply_ip(Ipv6 ip);
[[nodiscard]] Ipv6 reply_translated(Ipv6 ip);

} // namespace proxip::packet
