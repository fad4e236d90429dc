#include "net/wire.hpp"

#include <cerrno>
#include <tuple>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/arp.hpp"
#include "net/ndp.hpp"

namespace proxip::net {

namespace asio = boost::asio;

namespace {

constexpr int buffer_bytes = 4 << 20; // a batch of a large pool, or a storm

// What is for others: their unicast, and every frame of a VLAN that has no device here. The latter's tag is gone when
// it comes to a socket of one EtherType (__netif_receive_skb_core in net/core/dev.c), so SKF_AD_VLAN_TAG does not show
// it.
constexpr std::uint32_t packet_type = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
constexpr std::uint32_t whole_frame = 0xffff;

// Untagged ARP for IPv4 over Ethernet, requests and replies; the rest of the EtherType stays in the kernel.
constexpr std::array arp_filter{
    sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, packet_type),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 8, 0),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 14),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x00010800, 0, 6), // Ethernet, IPv4
    sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 18),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0604, 0, 4), // address lengths
    sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arp::request, 1, 0),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arp::reply, 0, 1),
    sock_filter BPF_STMT(BPF_RET | BPF_K, whole_frame),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
};

// Untagged neighbour advertisements, and solicitations from ::; so the questions of all the others stay in the kernel.
constexpr std::array ndp_filter{
    sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, packet_type),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 14, 0),
    sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x3aff, 0, 12), // ICMPv6, hop limit 255
    sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 54),             // type and code
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ndp::advertisement << 8, 9, 0),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ndp::solicitation << 8, 0, 9),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 22), // the source, four bytes at a time
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 7),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 26),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 30),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 34),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
    sock_filter BPF_STMT(BPF_RET | BPF_K, whole_frame),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
};

bool attach_filter(int descriptor, Family family) {
    const bool v4 = family == Family::v4;
    std::vector<sock_filter> program(v4 ? arp_filter.begin() : ndp_filter.begin(),
                                     v4 ? arp_filter.end() : ndp_filter.end());
    const sock_fprog attached{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
    return ::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof(attached)) == 0;
}

sockaddr_ll packet_address(std::uint32_t link, Family family) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(family == Family::v4 ? ETH_P_ARP : ETH_P_IPV6);
    address.sll_ifindex = static_cast<int>(link);
    return address;
}

sockaddr_ll bound_to(int descriptor) {
    sockaddr_ll address{};
    socklen_t length = sizeof(address);
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        return {};
    }
    return address;
}

bool is_down(int error) {
    return error == ENETDOWN || error == ENODEV || error == ENXIO;
}

} // namespace

Result<std::shared_ptr<Wire>> Wire::open(asio::io_context& loop, std::uint32_t link, Family family, Heard heard) {
    // Protocol 0: nothing arrives before the filter and the link are set.
    const int descriptor = ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return fail_errno("packet socket", errno);
    }
    auto wire = std::make_shared<Wire>(loop, descriptor, link, std::move(heard));
    const sockaddr_ll address = packet_address(link, family);
    for (const int side : {SO_SNDBUFFORCE, SO_RCVBUFFORCE}) {
        static_cast<void>(::setsockopt(descriptor, SOL_SOCKET, side, &buffer_bytes, sizeof(buffer_bytes)));
    }
    if (!attach_filter(descriptor, family) ||
        ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        return fail_errno(fmt::format("packet socket on link {}", link), errno);
    }
    if (bound_to(descriptor).sll_hatype != ARPHRD_ETHER) {
        return std::shared_ptr<Wire>{};
    }
    wire->listen();
    return wire;
}

Result<void> Wire::check_allowed() {
    const int descriptor = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return fail_errno("packet socket (needs CAP_NET_RAW)", errno);
    }
    ::close(descriptor);
    return {};
}

bool Wire::send(std::span<const std::uint8_t> frame) {
    if (!is_running()) {
        gone_ = !still_bound();
        return false;
    }
    while (::send(descriptor_.native_handle(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) {
            const bool down = is_down(errno);
            gone_ = down && !still_bound();
            return !down;
        }
    }
    return true;
}

void Wire::stop() {
    stopped_ = true;
    boost::system::error_code ignored;
    std::ignore = descriptor_.close(ignored);
}

void Wire::listen() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                               if (error || self->stopped_) {
                                   return;
                               }
                               self->drain();
                               if (!self->stopped_ && !self->gone_) {
                                   self->listen();
                               }
                           });
}

void Wire::drain() {
    while (!stopped_) {
        const ssize_t bytes = ::recv(descriptor_.native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (bytes >= 0) {
            heard_({buffer_.data(), static_cast<std::size_t>(bytes)});
        } else if (is_down(errno)) { // told once; the socket wakes again when the link is back
            gone_ = !still_bound();
            if (gone_) {
                return;
            }
        } else if (errno != EINTR) {
            return;
        }
    }
}

// Without a carrier the kernel takes a frame and drops it: nobody was asked.
bool Wire::is_running() {
    ifreq request{};
    request.ifr_ifindex = static_cast<int>(link_);
    const int descriptor = descriptor_.native_handle();
    return ::ioctl(descriptor, SIOCGIFNAME, &request) == 0 && ::ioctl(descriptor, SIOCGIFFLAGS, &request) == 0 &&
           (request.ifr_flags & IFF_RUNNING) != 0;
}

bool Wire::still_bound() {
    return bound_to(descriptor_.native_handle()).sll_ifindex == static_cast<int>(link_);
}

} // namespace proxip::net
