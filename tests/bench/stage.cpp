#include "bench/stage.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "model/descriptor.hpp"

namespace proxip::bench {

namespace {

Port port(std::uint8_t lane, const char* name, std::uint8_t number) {
    return {
        .name = lane == 0 ? name : fmt::format("{}{}", name, lane), .index = 0, .mac = {0x02, 0, 0, 0, lane, number}};
}

std::string text(const dataplane::Mac& mac) {
    return fmt::format("{:02x}", fmt::join(mac, ":"));
}

void connect(Port& one, Port& other) {
    command(fmt::format("ip link add {} address {} numrxqueues 1 numtxqueues 1 type veth "
                        "peer name {} address {} numrxqueues 1 numtxqueues 1",
                        one.name, text(one.mac), other.name, text(other.mac)));
    for (Port* end : {&one, &other}) {
        command(fmt::format("ip link set {} up", end->name));
        end->index = ::if_nametoindex(end->name.c_str());
    }
}

} // namespace

void command(const std::string& line) {
    if (std::system(line.c_str()) != 0) {
        throw std::runtime_error("failed: " + line);
    }
}

void write_sysctl(const std::string& path, const std::string& value) {
    std::ofstream file("/proc/sys/" + path);
    file << value << std::flush;
    if (!file) {
        throw std::runtime_error("cannot write " + path);
    }
}

void turn_gro_on(const Port& port) {
    const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_value on{.cmd = ETHTOOL_SGRO, .data = 1};
    ifreq request{};
    port.name.copy(static_cast<char*>(request.ifr_name), IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&on);
    if (::ioctl(socket.get(), SIOCETHTOOL, &request) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot turn on GRO of " + port.name);
    }
}

Stage build_stage(std::uint8_t lane) {
    write_sysctl("net/ipv6/conf/all/disable_ipv6", "1"); // no frames but the bench's
    write_sysctl("net/ipv6/conf/default/disable_ipv6", "1");
    Stage out{.client = port(lane, "client", 1),
              .front = port(lane, "front", 2),
              .back = port(lane, "back", 3),
              .server = port(lane, "server", 4),
              .alone = port(lane, "alone", 5),
              .drain = port(lane, "drain", 6)};
    connect(out.client, out.front);
    connect(out.back, out.server);
    connect(out.alone, out.drain);
    return out;
}

} // namespace proxip::bench
