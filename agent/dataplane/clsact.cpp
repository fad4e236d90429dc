#include "dataplane/clsact.hpp"

#include <array>
#include <cstring>
#include <optional>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "model/descriptor.hpp"

namespace proxip::dataplane {

namespace {

struct Request {
    nlmsghdr header{};
    tcmsg body{};
};

Request dump_request(std::uint16_t type, std::uint32_t index, std::uint32_t parent) {
    Request out;
    out.header.nlmsg_len = sizeof out;
    out.header.nlmsg_type = type;
    out.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    out.body.tcm_family = AF_UNSPEC;
    out.body.tcm_ifindex = static_cast<int>(index);
    out.body.tcm_parent = parent;
    return out;
}

// How many answers of `type` does the dump have that `counts` counts? None: the kernel did not say.
template <typename Counts>
std::optional<int> count_dump(const Request& request, std::uint16_t type, Counts counts) {
    const Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!socket || ::send(socket.get(), &request, sizeof request, 0) < 0) {
        return std::nullopt;
    }
    int found = 0;
    alignas(nlmsghdr) std::array<char, 32768> buffer{};
    for (;;) {
        auto left = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
        if (left <= 0) {
            return std::nullopt;
        }
        for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
             message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type == NLMSG_DONE) {
                return found;
            }
            if (message->nlmsg_type == NLMSG_ERROR) {
                return std::nullopt;
            }
            tcmsg body{};
            std::memcpy(&body, NLMSG_DATA(message), sizeof body);
            if (message->nlmsg_type == type && counts(body)) {
                ++found;
            }
        }
    }
}

} // namespace

bool has_clsact(std::uint32_t index) {
    const auto found = count_dump(dump_request(RTM_GETQDISC, index, 0), RTM_NEWQDISC, [&](const tcmsg& qdisc) {
        return qdisc.tcm_ifindex == static_cast<int>(index) && qdisc.tcm_parent == TC_H_CLSACT;
    });
    return found.value_or(0) > 0;
}

bool has_clsact_filters(std::uint32_t index) {
    for (const std::uint32_t side : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS}) {
        const auto found = count_dump(dump_request(RTM_GETTFILTER, index, TC_H_MAKE(TC_H_CLSACT, side)), RTM_NEWTFILTER,
                                      [](const tcmsg&) { return true; });
        if (found.value_or(1) > 0) {
            return true;
        }
    }
    return false;
}

} // namespace proxip::dataplane
