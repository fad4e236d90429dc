#include <array>
#include <cerrno>
#include <tuple>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include "net/attributes.hpp"
#include "net/channel.hpp"
#include "net/netlink.hpp"

namespace proxip::net {

namespace asio = boost::asio;

namespace {

constexpr int socket_bytes = 4 << 20; // a burst of some ten thousand events; beyond it an overrun, which is handled

// Rules and nexthop objects change where packets go without a message about any route.
constexpr std::array groups{RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                            RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_NEIGH,
                            RTNLGRP_IPV4_RULE,  RTNLGRP_IPV6_RULE,   RTNLGRP_NEXTHOP};

constexpr Monitor::What everything{.links = true, .addresses = true, .routes = true, .neighbours = true};

bool is_ip_neighbour(nlmsghdr& header) { // and not an entry of a bridge's forwarding table
    const auto* info = body_of<ndmsg>(header);
    return info != nullptr && (info->ndm_family == AF_INET || info->ndm_family == AF_INET6);
}

void note(Monitor::What& what, nlmsghdr& header) {
    switch (header.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: what.links = true; break;
    case RTM_NEWADDR:
    case RTM_DELADDR: what.addresses = true; break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
    case RTM_NEWRULE:
    case RTM_DELRULE:
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP: what.routes = true; break;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH: what.neighbours = what.neighbours || is_ip_neighbour(header); break;
    default: break;
    }
}

void note_all(Monitor::What& what, char* data, int bytes) {
    for (auto* header = reinterpret_cast<nlmsghdr*>(data); nlmsg_ok(header, bytes) != 0;
         header = nlmsg_next(header, &bytes)) {
        note(what, *header);
    }
}

bool any(const Monitor::What& what) {
    return what.links || what.addresses || what.routes || what.neighbours;
}

// Shared with the handlers on the loop, which may run once more after the monitor is gone.
class Subscription : public std::enable_shared_from_this<Subscription> {
  public:
    Subscription(asio::io_context& loop, Socket socket, Monitor::Callback changed, std::chrono::milliseconds settle)
        : socket_(std::move(socket)), descriptor_(loop, nl_socket_get_fd(socket_.get())), timer_(loop),
          changed_(std::move(changed)), settle_(settle) {}
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    ~Subscription() {
        descriptor_.release(); // libnl closes it
    }

    void listen() {
        descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                               [self = shared_from_this()](const boost::system::error_code& error) {
                                   if (error || self->stopped_) {
                                       return;
                                   }
                                   self->drain();
                                   self->listen();
                               });
    }

    void stop() {
        stopped_ = true;
        boost::system::error_code ignored;
        std::ignore = descriptor_.cancel(ignored);
        timer_.cancel();
    }

  private:
    void drain() {
        for (;;) {
            const ssize_t bytes = ::recv(descriptor_.native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
            if (bytes > 0) {
                note_all(seen_, buffer_.data(), static_cast<int>(bytes));
            } else if (bytes < 0 && errno == ENOBUFS) {
                seen_ = everything; // messages are lost; which ones nobody knows
            } else if (bytes == 0 || errno != EINTR) {
                break;
            }
        }
        if (any(seen_) && !std::exchange(waiting_, true)) {
            report_later();
        }
    }

    void report_later() {
        timer_.expires_after(settle_);
        timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (error || self->stopped_) {
                return;
            }
            self->waiting_ = false;
            self->changed_(std::exchange(self->seen_, {}));
        });
    }

    Socket socket_;
    asio::posix::stream_descriptor descriptor_;
    asio::steady_timer timer_;
    Monitor::Callback changed_;
    std::chrono::milliseconds settle_;
    Monitor::What seen_;
    alignas(nlmsghdr) std::array<char, 32768> buffer_{};
    bool waiting_ = false;
    bool stopped_ = false;
};

class KernelMonitor final : public Monitor {
  public:
    explicit KernelMonitor(std::shared_ptr<Subscription> subscription) : subscription_(std::move(subscription)) {}
    KernelMonitor(const KernelMonitor&) = delete;
    KernelMonitor& operator=(const KernelMonitor&) = delete;
    ~KernelMonitor() override { subscription_->stop(); }

  private:
    std::shared_ptr<Subscription> subscription_;
};

Result<Socket> subscribed_socket() {
    Socket socket(nl_socket_alloc());
    if (!socket) {
        return fail_errno("netlink monitor", ENOMEM);
    }
    int error = nl_connect(socket.get(), NETLINK_ROUTE);
    for (const auto group : groups) {
        if (error >= 0) {
            error = nl_socket_add_memberships(socket.get(), static_cast<int>(group), 0);
        }
    }
    if (error < 0) {
        return fail(ErrorCode::failed, std::string("netlink monitor: ") + nl_geterror(error));
    }
    const int fd = nl_socket_get_fd(socket.get());
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &socket_bytes, sizeof(socket_bytes)) != 0) {
        static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &socket_bytes, sizeof(socket_bytes)));
    }
    return socket;
}

} // namespace

Result<std::unique_ptr<Monitor>> Monitor::start(asio::io_context& loop, Callback changed,
                                                std::chrono::milliseconds settle) {
    auto socket = subscribed_socket();
    if (!socket) {
        return std::unexpected(std::move(socket.error()));
    }
    auto subscription = std::make_shared<Subscription>(loop, std::move(*socket), std::move(changed), settle);
    subscription->listen();
    return std::make_unique<KernelMonitor>(std::move(subscription));
}

} // namespace proxip::net
