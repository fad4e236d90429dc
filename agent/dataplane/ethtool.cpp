#include "dataplane/ethtool.hpp"

#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "dataplane/redirect_capability.hpp"

namespace proxip::dataplane {

namespace {

// `Header`, then `count` elements of `size` bytes, as the kernel fills them in. It does so for the queues that there
// are by then: room is left for ones that come up between two calls.
template <typename Header>
Result<std::vector<std::byte>> read_table(const EthtoolDevice& device, Header header, std::uint32_t count,
                                          std::size_t size) {
    std::vector<std::byte> table(sizeof header + (count + 4096) * size);
    std::memcpy(table.data(), &header, sizeof header);
    if (const int error = device.ethtool(table.data()); error != 0) {
        return fail_errno("cannot read what ethtool tells of an interface", error);
    }
    table.erase(table.begin(), table.begin() + sizeof header);
    return table;
}

std::string_view name_at(const std::vector<std::byte>& names, std::size_t at) {
    const auto* name = reinterpret_cast<const char*>(names.data()) + at * ETH_GSTRING_LEN;
    return {name, ::strnlen(name, ETH_GSTRING_LEN)};
}

std::uint32_t count_of(const EthtoolDevice& device, std::uint32_t string_set) {
    ethtool_sset_info info{};
    info.cmd = ETHTOOL_GSSET_INFO;
    info.sset_mask = 1ULL << string_set;
    std::array<std::byte, sizeof info + sizeof(std::uint32_t)> asked{}; // the count stands behind it
    std::memcpy(asked.data(), &info, sizeof info);
    if (device.ethtool(asked.data()) != 0) {
        return 0;
    }
    std::uint32_t count = 0;
    std::memcpy(&info, asked.data(), sizeof info);
    std::memcpy(&count, asked.data() + sizeof info, sizeof count);
    return info.sset_mask != 0 ? count : 0;
}

bool is_active(const EthtoolDevice& device, std::size_t feature, std::uint32_t count) {
    constexpr std::size_t bits = 32;
    const auto blocks = static_cast<std::uint32_t>((count + bits - 1) / bits);
    ethtool_gfeatures header{};
    header.cmd = ETHTOOL_GFEATURES;
    header.size = blocks;
    const auto table = read_table(device, header, blocks, sizeof(ethtool_get_features_block));
    if (!table) {
        return false;
    }
    ethtool_get_features_block block{};
    std::memcpy(&block, table->data() + feature / bits * sizeof block, sizeof block);
    return (block.active >> feature % bits & 1U) != 0;
}

} // namespace

Result<EthtoolDevice> EthtoolDevice::open(std::uint32_t ifindex) {
    EthtoolDevice out;
    out.socket_ = Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!out.socket_) {
        return fail_errno("cannot open a socket for ethtool", errno);
    }
    out.name_.ifr_ifindex = static_cast<int>(ifindex);
    if (out.ioctl(SIOCGIFNAME, out.name_) != 0) {
        return fail_errno(fmt::format("interface {}", ifindex), errno);
    }
    return out;
}

int EthtoolDevice::ethtool(void* command) const {
    ifreq request = name_;
    request.ifr_data = static_cast<char*>(command);
    return ioctl(SIOCETHTOOL, request) == 0 ? 0 : errno;
}

std::array<std::byte, ETH_ALEN> EthtoolDevice::mac() const {
    ifreq request = name_;
    std::array<std::byte, ETH_ALEN> out{};
    if (ioctl(SIOCGIFHWADDR, request) == 0) {
        std::memcpy(out.data(), request.ifr_hwaddr.sa_data, out.size());
    }
    return out;
}

int EthtoolDevice::ioctl(unsigned long what, ifreq& request) const {
    return ::ioctl(socket_.get(), what, &request);
}

Result<std::vector<std::byte>> EthtoolDevice::names(std::uint32_t string_set, std::uint32_t count) const {
    ethtool_gstrings header{};
    header.cmd = ETHTOOL_GSTRINGS;
    header.string_set = string_set;
    header.len = count;
    return read_table(*this, header, count, ETH_GSTRING_LEN);
}

Result<std::uint64_t> EthtoolDevice::sum_of(std::uint32_t statistics,
                                            const std::function<bool(std::string_view)>& counts) const {
    const auto texts = names(ETH_SS_STATS, statistics);
    ethtool_stats header{};
    header.cmd = ETHTOOL_GSTATS;
    header.n_stats = statistics;
    const auto values = read_table(*this, header, statistics, sizeof(std::uint64_t));
    if (!texts || !values) {
        return std::unexpected(texts ? values.error() : texts.error());
    }
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < statistics; ++at) {
        if (counts(name_at(*texts, at))) {
            std::uint64_t value = 0;
            std::memcpy(&value, values->data() + at * sizeof value, sizeof value);
            sum += value;
        }
    }
    return sum;
}

bool EthtoolDevice::has_feature(std::string_view name) const {
    const std::uint32_t count = count_of(*this, ETH_SS_FEATURES);
    const auto texts = names(ETH_SS_FEATURES, count);
    if (!texts) {
        return false;
    }
    for (std::size_t at = 0; at < count; ++at) {
        if (name_at(*texts, at) == name) {
            return is_active(*this, at, count);
        }
    }
    return false;
}

Result<Offloads> offloads_of(std::uint32_t ifindex) {
    const auto device = EthtoolDevice::open(ifindex);
    if (!device) {
        return std::unexpected(device.error());
    }
    return Offloads{.merges = device->has_feature("rx-lro") || device->has_feature("rx-gro-hw"),
                    .strips_tags = device->has_feature("rx-vlan-hw-parse")};
}

Result<std::uint64_t> redirect_errors_of(std::uint32_t ifindex) {
    const auto driver = driver_of(ifindex);
    if (!driver) {
        return std::unexpected(driver.error());
    }
    const auto device = EthtoolDevice::open(ifindex);
    if (!device) {
        return std::unexpected(device.error());
    }
    return driver->statistics == 0 ? Result<std::uint64_t>(0)
                                   : device->sum_of(driver->statistics, counts_redirect_errors);
}

// veth: rx_queue_0_xdp_tx_errors, tx_queue_0_xdp_xmit_errors; mlx5: tx_xdp_err, rx_xdp_tx_err; virtio:
// rx0_xdp_tx_drops; ena: queue_0_rx_xdp_aborted. A program's own drops (..._xdp_drops) are none.
bool counts_redirect_errors(std::string_view name) {
    return name.find("xdp") != std::string_view::npos &&
           (name.find("_err") != std::string_view::npos || name.find("abort") != std::string_view::npos ||
            name.ends_with("xdp_tx_drops") || name.ends_with("xdp_redirect_fail"));
}

} // namespace proxip::dataplane
