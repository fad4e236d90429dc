#include "net/wire.hpp"

#include <cerrno>
#include <tuple>

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

namespace proxip::net {

namespace asio = boost::asio;

namespace {

constexpr int buffer_bytes = 4 << 20; // a batch of a large pool, or a storm

// Untagged ARP for IPv4 over Ethernet, requests and replies; the rest of the EtherType stays in the kernel.
constexpr std::uint32_t vlan_present = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT);
constexpr std::array filter{
    sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, vlan_present),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 8),
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 14),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x00010800, 0, 6), // Ethernet, IPv4
    sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 18),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0604, 0, 4), // address lengths
    sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arp::request, 1, 0),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arp::reply, 0, 1),
    sock_filter BPF_STMT(BPF_RET | BPF_K, arp::frame_bytes),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
};

bool attach_filter(int descriptor) {
    auto program = filter;
    const sock_fprog attached{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
    return ::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof(attached)) == 0;
}

sockaddr_ll packet_address(std::uint32_t link) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ARP);
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

Result<std::shared_ptr<Wire>> Wire::open(asio::io_context& loop, std::uint32_t link, Heard heard) {
    // Protocol 0: nothing arrives before the filter and the link are set.
    const int descriptor = ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return fail_errno("packet socket", errno);
    }
    auto wire = std::make_shared<Wire>(loop, descriptor, link, std::move(heard));
    const sockaddr_ll address = packet_address(link);
    for (const int side : {SO_SNDBUFFORCE, SO_RCVBUFFORCE}) {
        static_cast<void>(::setsockopt(descriptor, SOL_SOCKET, side, &buffer_bytes, sizeof(buffer_bytes)));
    }
    if (!attach_filter(descriptor) ||
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

bool Wire::send(const arp::Frame& frame) {
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
            const std::span<const std::uint8_t> frame(buffer_.data(), static_cast<std::size_t>(bytes));
            if (const auto packet = arp::parse(frame)) {
                heard_(link_, *packet);
            }
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
