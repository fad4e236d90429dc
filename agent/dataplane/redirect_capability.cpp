#include "dataplane/redirect_capability.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <expected>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "dataplane/ethtool.hpp"
#include "model/descriptor.hpp"

namespace proxip::dataplane {
namespace {

template <typename T>
    requires std::is_trivially_copyable_v<T>
T load(std::span<const std::byte> from) {
    T value{};
    std::memcpy(&value, from.data(), std::min(sizeof value, from.size()));
    return value;
}

// ---- generic netlink ----

// include/uapi/linux/netdev.h of Linux 6.3; Debian 12's headers are older.
constexpr std::string_view netdev_family_name("netdev\0", 7); // NETDEV_FAMILY_NAME, its end included
constexpr std::uint8_t netdev_dev_get = 1;                    // NETDEV_CMD_DEV_GET
constexpr std::uint16_t netdev_ifindex = 1;                   // NETDEV_A_DEV_IFINDEX, u32
constexpr std::uint16_t netdev_xdp_features = 3;              // NETDEV_A_DEV_XDP_FEATURES, u64
constexpr std::uint64_t netdev_ndo_xmit = 1U << 2;            // NETDEV_XDP_ACT_NDO_XMIT

struct Request { // with one attribute
    nlmsghdr message{};
    genlmsghdr generic{};
    nlattr attribute{};
    std::array<std::byte, 8> payload{};
};
static_assert(sizeof(Request) == NLMSG_LENGTH(GENL_HDRLEN + NLA_HDRLEN + 8));

using Attributes = std::vector<std::byte>;

Request request(std::uint16_t family, std::uint8_t command, std::uint16_t attribute,
                std::span<const std::byte> payload) {
    Request out;
    out.message.nlmsg_type = family;
    out.message.nlmsg_flags = NLM_F_REQUEST;
    out.generic.cmd = command;
    out.generic.version = 1;
    out.attribute.nla_type = attribute;
    out.attribute.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + payload.size());
    out.message.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(GENL_HDRLEN) +
                                                       NLA_ALIGN(out.attribute.nla_len)); // not a byte more is accepted
    std::memcpy(out.payload.data(), payload.data(), std::min(payload.size(), out.payload.size()));
    return out;
}

// The attributes of the answer, or a positive errno. The kernel has answered when send() returns.
std::expected<Attributes, int> ask(const Descriptor& socket, const Request& question) {
    std::array<std::byte, 8192> answer{};
    if (::send(socket.get(), &question, question.message.nlmsg_len, 0) < 0) {
        return std::unexpected(errno);
    }
    const ssize_t length = ::recv(socket.get(), answer.data(), answer.size(), MSG_DONTWAIT);
    if (length < 0) {
        return std::unexpected(errno);
    }
    auto rest = std::span<const std::byte>(answer).first(static_cast<std::size_t>(length));
    const auto message = load<nlmsghdr>(rest);
    if (message.nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN) || message.nlmsg_len > rest.size()) {
        return std::unexpected(EBADMSG);
    }
    rest = rest.first(message.nlmsg_len).subspan(NLMSG_HDRLEN);
    if (message.nlmsg_type == NLMSG_ERROR) {
        const int error = -load<int>(rest);
        return std::unexpected(error > 0 ? error : EBADMSG);
    }
    rest = rest.subspan(GENL_HDRLEN);
    return Attributes(rest.begin(), rest.end());
}

template <typename T>
std::expected<T, int> attribute(std::span<const std::byte> attributes, std::uint16_t type) {
    while (attributes.size() >= NLA_HDRLEN) {
        const auto header = load<nlattr>(attributes);
        if (header.nla_len < NLA_HDRLEN || header.nla_len > attributes.size()) {
            break;
        }
        if ((header.nla_type & NLA_TYPE_MASK) == type && header.nla_len == NLA_HDRLEN + sizeof(T)) {
            return load<T>(attributes.subspan(NLA_HDRLEN));
        }
        attributes = attributes.subspan(std::min<std::size_t>(NLA_ALIGN(header.nla_len), attributes.size()));
    }
    return std::unexpected(EBADMSG);
}

template <typename T>
std::expected<T, int> ask_for(const Descriptor& socket, const Request& question, std::uint16_t type) {
    const auto answer = ask(socket, question);
    return answer ? attribute<T>(*answer, type) : std::unexpected(answer.error());
}

std::expected<std::uint16_t, int> netdev_family(const Descriptor& socket) {
    const auto question =
        request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, std::as_bytes(std::span(netdev_family_name)));
    return ask_for<std::uint16_t>(socket, question, CTRL_ATTR_FAMILY_ID);
}

std::expected<std::uint64_t, int> xdp_features(const Descriptor& socket, std::uint16_t family, std::uint32_t ifindex) {
    const auto question = request(family, netdev_dev_get, netdev_ifindex, std::as_bytes(std::span(&ifindex, 1)));
    return ask_for<std::uint64_t>(socket, question, netdev_xdp_features);
}

bool counts_accepted_frames(std::string_view name) {
    return name.starts_with("tx_queue_") && name.ends_with("_xdp_xmit");
}

// Redirected frames that a veth has handed to its peer, all queues together. The counter of failures is of no use here:
// without NAPI at the peer the kernel gives up before it counts (veth_xdp_xmit()).
Result<std::uint64_t> accepted_frames(const EthtoolDevice& device, std::uint32_t statistics) {
    return device.sum_of(statistics, counts_accepted_frames);
}

// ---- the probe ----

struct ProbeFrame {
    // Nearest bridge (IEEE 802.1Q, table 8-1): link-local, bridges do not forward it.
    std::array<std::uint8_t, ETH_ALEN> destination{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e};
    std::array<std::byte, ETH_ALEN> source{};
    std::array<std::uint8_t, 2> ethertype{0x88, 0xb5}; // local experimental (IEEE 802, clause 9.2.4)
    std::array<std::byte, 4> ifindex{};                // host order
    std::array<std::byte, ETH_ZLEN - ETH_HLEN - 4> padding{};
};
static_assert(sizeof(ProbeFrame) == ETH_ZLEN && std::has_unique_object_representations_v<ProbeFrame>);

Result<void> send_probe(const EthtoolDevice& interface, std::uint32_t ifindex, int probe_program) {
    ProbeFrame frame;
    frame.source = interface.mac();
    std::memcpy(frame.ifindex.data(), &ifindex, sizeof ifindex);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = &frame;
    options.data_size_in = sizeof frame;
    options.repeat = 1;
    options.batch_size = 1;
    options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    if (const int error = bpf_prog_test_run_opts(probe_program, &options); error != 0) {
        return fail_errno(fmt::format("cannot send a probe frame to interface {}", ifindex), -error);
    }
    return {};
}

// Other traffic may move the counter too, but only where the peer has NAPI: it cannot make a false yes.
Result<bool> veth_takes_redirects(std::uint32_t ifindex, std::uint32_t statistics, int probe_program) {
    const auto interface = EthtoolDevice::open(ifindex);
    if (!interface) {
        return std::unexpected(interface.error());
    }
    const auto before = accepted_frames(*interface, statistics);
    if (!before) {
        return std::unexpected(before.error());
    }
    if (const auto sent = send_probe(*interface, ifindex, probe_program); !sent) {
        return std::unexpected(sent.error());
    }
    const auto after = accepted_frames(*interface, statistics);
    if (!after) {
        return std::unexpected(after.error());
    }
    return *after > *before;
}

bool has_native_program(std::uint32_t ifindex) {
    std::uint32_t id = 0;
    return bpf_xdp_query_id(static_cast<int>(ifindex), XDP_FLAGS_DRV_MODE, &id) == 0 && id != 0;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

} // namespace

Result<bool> takes_redirected_frames(std::uint32_t ifindex, int probe_program) {
    const auto advertised = advertised_redirect(ifindex);
    if (!advertised) {
        return std::unexpected(advertised.error());
    }
    return *advertised ? Result<bool>(**advertised) : tried_redirect(ifindex, probe_program);
}

Result<std::optional<bool>> advertised_redirect(std::uint32_t ifindex) {
    const Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
    if (!socket) {
        return fail_errno("cannot open a generic netlink socket", errno);
    }
    const auto family = netdev_family(socket);
    if (!family) {
        if (family.error() == ENOENT) {
            return std::nullopt;
        }
        return fail_errno("cannot look up the netlink family netdev", family.error());
    }
    const auto features = xdp_features(socket, *family, ifindex);
    if (!features) {
        return fail_errno(fmt::format("cannot read the XDP features of interface {}", ifindex), features.error());
    }
    return (*features & netdev_ndo_xmit) != 0;
}

Result<bool> tried_redirect(std::uint32_t ifindex, int probe_program) {
    const auto driver = driver_of(ifindex);
    if (!driver) {
        return std::unexpected(driver.error());
    }
    if (driver->name == "veth") {
        return veth_takes_redirects(ifindex, driver->statistics, probe_program);
    }
    return driver_takes_redirects(*driver, has_native_program(ifindex));
}

Result<Driver> driver_of(std::uint32_t ifindex) {
    const auto device = EthtoolDevice::open(ifindex);
    if (!device) {
        return std::unexpected(device.error());
    }
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    const int error = device->ethtool(&info);
    if (error != 0 && error != EOPNOTSUPP) {
        return fail_errno(fmt::format("cannot read the driver of interface {}", ifindex), error);
    }
    return Driver{.name = std::string(info.driver, ::strnlen(info.driver, sizeof info.driver)),
                  .bus = std::string(info.bus_info, ::strnlen(info.bus_info, sizeof info.bus_info)),
                  .statistics = info.n_stats};
}

// The modules of Debian's 6.1 for amd64 that have an ndo_xdp_xmit, told apart as Linux commit 66c0e13ad236 ("drivers:
// net: turn on XDP features") and 4d5ab0ad964d (mlx5) do. Bonds take frames as far as their members do: left out.
bool driver_takes_redirects(const Driver& driver, bool native_program) {
    static constexpr auto always =
        std::to_array<std::string_view>({"atlantic", "hv_netvsc", "mana", "mlx5_core", "sfc", "vif"});
    static constexpr auto with_program =
        std::to_array<std::string_view>({"bnxt_en", "ena", "i40e", "ice", "igb", "igc", "ixgbe", "qede", "virtio_net"});
    return contains(always, driver.name) || (native_program && contains(with_program, driver.name)) ||
           (driver.name == "tun" && driver.bus == "tap");
}

bool may_have_partial_checksums(const Driver& driver) {
    static constexpr auto software = std::to_array<std::string_view>({"", "N/A", "tap", "tun"});
    static constexpr auto paravirtual = std::to_array<std::string_view>({"hv_netvsc", "vif", "virtio_net", "vmxnet3"});
    return contains(software, driver.bus) || contains(paravirtual, driver.name);
}

} // namespace proxip::dataplane
