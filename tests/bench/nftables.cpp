#include <string>

#include <fmt/format.h>

#include "bench/middle.hpp"

namespace proxip::bench {

namespace {

std::string backend_map() {
    std::string out;
    for (std::uint32_t number = 0; number < backends; ++number) {
        out += fmt::format("{}{} : {}", number == 0 ? "" : ", ", number, backend(Family::v4, number).text());
    }
    return out;
}

std::string ruleset() {
    return fmt::format("table ip bench {{\n"
                       "  chain pre {{ type nat hook prerouting priority dstnat;\n"
                       "    ip daddr {} udp dport {} dnat to numgen inc mod {} map {{ {} }}; }}\n"
                       "  chain post {{ type nat hook postrouting priority srcnat;\n"
                       "    oifname back snat to {}-{}; }}\n"
                       "}}",
                       vip(Family::v4, 0).text(), service_port, backends, backend_map(), proxy(Family::v4, 0).text(),
                       proxy(Family::v4, proxies - 1).text());
}

class Nftables final : public Middle {};

} // namespace

std::unique_ptr<Middle> make_nftables(const Stage& stage) {
    write_sysctl("net/ipv4/ip_forward", "1");
    write_sysctl("net/ipv4/conf/all/rp_filter", "0");
    write_sysctl("net/ipv4/conf/front/rp_filter", "0");
    command("ip addr add 10.1.0.1/24 dev front && ip addr add 10.2.0.1/16 dev back");
    const auto& mac = stage.server.mac;
    for (std::uint32_t number = 0; number < backends; ++number) {
        command(fmt::format("ip neigh add {} dev back lladdr {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x} nud permanent",
                            backend(Family::v4, number).text(), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]));
    }
    command(fmt::format("nft '{}'", ruleset()));
    turn_gro_on(stage.front);
    return std::make_unique<Nftables>();
}

} // namespace proxip::bench
