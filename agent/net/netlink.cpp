#include "net/netlink.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "net/attributes.hpp"
#include "net/channel.hpp"
#include "net/decode.hpp"

#include <linux/if.h>

namespace proxip::net {

namespace {

constexpr int dump_flags = NLM_F_REQUEST | NLM_F_DUMP;

std::string_view route_type(int type) {
    switch (type) {
    case RTN_LOCAL: return "an address of this host";
    case RTN_BROADCAST: return "a broadcast address";
    case RTN_MULTICAST: return "a multicast address";
    case RTN_ANYCAST: return "an anycast address of this host's networks";
    default: return "not a destination that packets are sent to";
    }
}

// What the kernel answers for a route, in words (fib_props in net/ipv4/fib_semantics.c).
std::unexpected<Error> no_route(const Address& destination, int error) {
    switch (error) {
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ESRCH: return fail(ErrorCode::failed, fmt::format("no route to host {}", destination.text()));
    case EACCES: return fail(ErrorCode::failed, fmt::format("the route to {} is prohibited", destination.text()));
    case EINVAL: return fail(ErrorCode::failed, fmt::format("the route to {} is a blackhole", destination.text()));
    default: return fail_errno(fmt::format("route to {}", destination.text()), error);
    }
}

ndmsg neighbour_body(std::uint32_t link, const Address& address) {
    return {.ndm_family = static_cast<std::uint8_t>(address_family(address)),
            .ndm_pad1 = 0,
            .ndm_pad2 = 0,
            .ndm_ifindex = static_cast<int>(link),
            .ndm_state = 0,
            .ndm_flags = 0,
            .ndm_type = 0};
}

class KernelNetlink final : public Netlink {
  public:
    explicit KernelNetlink(Channel channel) : channel_(std::move(channel)) {}

    [[nodiscard]] Result<std::vector<Link>> links() override {
        const Message request = make_message(RTM_GETLINK, dump_flags, ifinfomsg{});
        nla_put_u32(request.get(), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        return collect<Link>("list the links", *request, [](nlmsghdr& header, std::vector<Link>& found) {
            if (auto link = decode_link(header)) {
                found.push_back(std::move(*link));
            }
        });
    }

    [[nodiscard]] Result<std::optional<Link>> link(std::string_view name) override {
        std::optional<Link> found;
        if (name.empty() || name.size() >= IFNAMSIZ) {
            return found;
        }
        const Message request = make_message(RTM_GETLINK, NLM_F_REQUEST, ifinfomsg{});
        nla_put_u32(request.get(), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        nla_put_string(request.get(), IFLA_IFNAME, std::string(name).c_str());
        const int error = channel_.ask(*request, [&found](nlmsghdr& header) { found = decode_link(header); });
        if (error != 0 && error != ENODEV) {
            return fail_errno(fmt::format("link {}", name), error);
        }
        return found;
    }

    [[nodiscard]] Result<std::vector<Connected>> connected() override {
        rtmsg body{};
        body.rtm_table = RT_TABLE_MAIN;
        std::vector<Connected> all;
        for (const int family : {AF_INET, AF_INET6}) {
            body.rtm_family = static_cast<std::uint8_t>(family);
            const Message request = make_message(RTM_GETROUTE, dump_flags, body);
            auto found =
                collect<Connected>("list the routes", *request, [](nlmsghdr& header, std::vector<Connected>& list) {
                    std::ranges::move(decode_connected(header), std::back_inserter(list));
                });
            if (!found) {
                return found;
            }
            std::ranges::move(*found, std::back_inserter(all));
        }
        return all;
    }

    [[nodiscard]] Result<std::vector<Address>> addresses() override {
        const Message request = make_message(RTM_GETADDR, dump_flags, ifaddrmsg{});
        return collect<Address>("list the addresses", *request, [](nlmsghdr& header, std::vector<Address>& found) {
            if (const auto address = decode_address(header)) {
                found.push_back(*address);
            }
        });
    }

    [[nodiscard]] Result<std::vector<Assigned>> assigned() override {
        const Message request = make_message(RTM_GETADDR, dump_flags, ifaddrmsg{});
        return collect<Assigned>("list the addresses", *request, [](nlmsghdr& header, std::vector<Assigned>& found) {
            if (const auto assigned = decode_assigned(header)) {
                found.push_back(*assigned);
            }
        });
    }

    [[nodiscard]] Result<bool> is_local(const Address& destination) override {
        const auto found = find_route(destination);
        return found ? Result<bool>(found->type == RTN_LOCAL) : std::unexpected(found.error());
    }

    [[nodiscard]] Result<Route> route(const Address& destination) override {
        const auto found = find_route(destination);
        if (!found) {
            return std::unexpected(found.error());
        }
        if (found->type != RTN_UNICAST) {
            return fail(ErrorCode::failed, fmt::format("{} is {}", destination.text(), route_type(found->type)));
        }
        return found->route;
    }

    [[nodiscard]] Result<std::optional<Neighbour>> neighbour(std::uint32_t link, const Address& address) override {
        std::optional<Neighbour> found;
        const int error =
            get_neighbour(link, address, [&found](nlmsghdr& header) { found = decode_neighbour(header); });
        if (error != 0 && error != ENOENT) {
            return fail_errno(fmt::format("neighbour {}", address.text()), error);
        }
        return found;
    }

    [[nodiscard]] Result<void> resolve(std::uint32_t link, const Address& address) override {
        bool permanent = false;
        const int known = get_neighbour(link, address,
                                        [&permanent](nlmsghdr& header) { permanent = is_permanent_neighbour(header); });
        if (known == 0 && permanent) {
            return {}; // NTF_USE would take NUD_PERMANENT away from an administrator's entry (__neigh_update)
        }
        ndmsg body = neighbour_body(link, address);
        body.ndm_flags = NTF_USE;
        const Message request = make_message(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE, body);
        put_address(*request, NDA_DST, address);
        if (const int error = channel_.ask(*request, [](nlmsghdr&) {}); error != 0) {
            return fail_errno(fmt::format("resolve {}", address.text()), error);
        }
        return {};
    }

  private:
    [[nodiscard]] Result<DecodedRoute> find_route(const Address& destination) {
        rtmsg body{};
        body.rtm_family = static_cast<std::uint8_t>(address_family(destination));
        body.rtm_dst_len = static_cast<std::uint8_t>(destination.bits());
        const Message request = make_message(RTM_GETROUTE, NLM_F_REQUEST, body);
        put_address(*request, RTA_DST, destination);
        std::optional<DecodedRoute> found;
        const int error = channel_.ask(*request, [&found](nlmsghdr& header) { found = decode_route(header); });
        if (error != 0 || !found) {
            return no_route(destination, error != 0 ? error : EHOSTUNREACH);
        }
        return *found;
    }

    [[nodiscard]] int get_neighbour(std::uint32_t link, const Address& address, const Channel::Each& each) {
        const Message request = make_message(RTM_GETNEIGH, NLM_F_REQUEST, neighbour_body(link, address));
        put_address(*request, NDA_DST, address);
        return channel_.ask(*request, each);
    }

    template <typename Item, typename Decode>
    [[nodiscard]] Result<std::vector<Item>> collect(std::string_view what, nl_msg& request, const Decode& decode) {
        std::vector<Item> found;
        const int error =
            channel_.ask(request, [&](nlmsghdr& header) { decode(header, found); }, [&found] { found.clear(); });
        if (error != 0) {
            return fail_errno(what, error);
        }
        return found;
    }

    Channel channel_;
};

} // namespace

std::string mac_text(const Mac& mac) {
    return fmt::format("{:02x}", fmt::join(mac, ":"));
}

Result<std::unique_ptr<Netlink>> Netlink::open() {
    auto channel = Channel::open();
    if (!channel) {
        return std::unexpected(std::move(channel.error()));
    }
    return std::make_unique<KernelNetlink>(std::move(*channel));
}

} // namespace proxip::net
