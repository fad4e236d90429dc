#include "packet/world.hpp"

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace proxip::packet {

namespace {

void must_netlink(int error, const char* what) {
    if (error < 0) {
        throw std::runtime_error(std::string(what) + ": " + nl_geterror(error));
    }
}

} // namespace

bool leave_the_host() {
    return ::geteuid() == 0 && ::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// Without a command: the 6.1 guest's `ip` is a shell's own, which knows no veth.
std::uint32_t make_interface(const char* name, const Mac& mac) {
    if (const auto known = ::if_nametoindex(name); known != 0) {
        return known;
    }
    const std::string peer = std::string(name) + "-peer";
    const std::unique_ptr<nl_sock, decltype(&nl_socket_free)> netlink(nl_socket_alloc(), nl_socket_free);
    must_netlink(nl_connect(netlink.get(), NETLINK_ROUTE), "no netlink");
    must_netlink(rtnl_link_veth_add(netlink.get(), name, peer.c_str(), ::getpid()), "cannot make a veth");
    const std::unique_ptr<nl_addr, decltype(&nl_addr_put)> its_mac(nl_addr_build(AF_LLC, mac.data(), mac.size()),
                                                                   nl_addr_put);
    for (const char* end : {name, peer.c_str()}) {
        const std::unique_ptr<rtnl_link, decltype(&rtnl_link_put)> link(rtnl_link_alloc(), rtnl_link_put);
        rtnl_link_set_ifindex(link.get(), static_cast<int>(::if_nametoindex(end)));
        rtnl_link_set_flags(link.get(), IFF_UP);
        if (end == name) {
            rtnl_link_set_addr(link.get(), its_mac.get());
        }
        must_netlink(rtnl_link_change(netlink.get(), link.get(), link.get(), 0), "cannot bring a veth up");
    }
    return ::if_nametoindex(name);
}

BpfFolder::BpfFolder() {
    if (::mount("bpf", mount_point, "bpf", 0, nullptr) != 0) {
        throw std::system_error(errno, std::generic_category(), std::string("cannot mount a bpffs on ") + mount_point);
    }
}

BpfFolder::~BpfFolder() {
    (void)::umount2(mount_point, MNT_DETACH);
}

} // namespace proxip::packet
