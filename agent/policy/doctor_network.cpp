// Interfaces, and addresses of ours.

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "policy/doctor_rules.hpp"

namespace proxip::policy::doctor {

namespace {

void find_missing(const Facts& facts, const Interface& one, Findings& out) {
    if (!one.present) {
        out.push_back({.severity = Severity::error,
                       .subject = one.name,
                       .what = "agent.interfaces names it, and there is no such interface",
                       .why = "packets that should come in by it are not seen; it is attached when it comes back",
                       .fix = fmt::format("take it out of {} and: {}", facts.config_path, facts.reload)});
    } else if (!one.attached) {
        out.push_back({.severity = Severity::error,
                       .subject = one.name,
                       .what = one.trouble.empty() ? "the program is not attached to it" : one.trouble,
                       .why = "its packets are not seen: VIPs and Proxy IPs are not served there",
                       .fix = fmt::format("ip link set dev {} xdp off", one.name)});
    }
}

bool in_use(const Interface& one) {
    return one.attached || !one.named;
}

} // namespace

void find_interfaces(const Facts& facts, Findings& out) {
    for (const Interface& one : facts.interfaces) {
        if (one.named) {
            find_missing(facts, one, out);
        }
    }
}

void find_xdp_mode(const Facts& facts, Findings& out) {
    for (const Interface& one : facts.interfaces) {
        if (!one.attached || one.mode != XdpMode::generic) {
            continue;
        }
        const bool wanted = one.asked == XdpMode::generic;
        const std::string driver = one.driver.empty() ? "its driver" : fmt::format("its driver ({})", one.driver);
        out.push_back(
            {.severity = wanted ? Severity::note : Severity::warning,
             .subject = one.name,
             .what = wanted ? "XDP runs in generic mode, as the configuration says"
                            : fmt::format("XDP runs in generic mode: {} refused native mode", driver),
             .why = "the kernel makes an skb of each packet before it is looked at: it costs a multiple of native mode",
             .fix = wanted ? fmt::format("set xdp_mode = \"auto\" in {} and: {}", facts.config_path, facts.reload)
                           : fmt::format("ethtool -i {0}; ethtool -l {0}; ip -d link show dev {0}", one.name)});
    }
}

// A bridge, a VLAN, a veth without GRO at its other end: these are sent to by clsact, as it is meant.
void find_redirect(const Facts& facts, Findings& out) {
    for (const Interface& one : facts.interfaces) {
        if (!in_use(one) || one.takes_redirects || one.is_virtual || one.mode == XdpMode::generic) {
            continue;
        }
        out.push_back(
            {.severity = Severity::note,
             .subject = one.name,
             .what = fmt::format("{} takes no frames by XDP redirect: they leave by clsact",
                                 one.driver.empty() ? "its driver" : one.driver),
             .why = "the kernel makes an skb of each packet that leaves by it",
             .fix = fmt::format("put {} into agent.interfaces: many drivers take redirected frames only while "
                                "they run a program",
                                one.name)});
    }
}

void find_redirect_errors(const Facts& facts, Findings& out) {
    for (const Interface& one : facts.interfaces) {
        if (one.redirect_errors == 0) {
            continue;
        }
        out.push_back({.severity = Severity::warning,
                       .subject = one.name,
                       .what = fmt::format("{} frames were lost by its XDP queues in the last {:.0f} s",
                                           one.redirect_errors, facts.late_seconds),
                       .why = "the driver had no room for redirected frames; no drop reason counts them",
                       .fix = fmt::format("ethtool -S {0} | grep xdp; ethtool -g {0}; ethtool -l {0}", one.name)});
    }
}

void find_offloads(const Facts& facts, Findings& out) {
    for (const Interface& one : facts.interfaces) {
        if (one.attached && one.merges) {
            out.push_back(
                {.severity = Severity::warning,
                 .subject = one.name,
                 .what = "the NIC merges packets into larger ones (LRO, or GRO in hardware)",
                 .why = "what it merged is larger than any MTU: it is refused as packet_too_big, or sent on in a "
                        "shape that its sender did not choose",
                 .fix = fmt::format("ethtool -K {} lro off rx-gro-hw off", one.name)});
        }
    }
}

void find_vlan(const Facts& facts, Findings& out) {
    for (const Interface& one : facts.interfaces) {
        if (one.attached && one.mode == XdpMode::native && one.strips_tags && !one.vlans.empty()) {
            out.push_back({.severity = Severity::warning,
                           .subject = one.name,
                           .what = fmt::format("it takes VLAN tags off, and carries {}", fmt::join(one.vlans, ", ")),
                           .why =
                               "a frame of a VLAN looks untagged to XDP: one to a VIP or Proxy IP is answered outside "
                               "of its VLAN",
                           .fix = fmt::format("ethtool -K {} rxvlan off", one.name)});
        }
    }
}

void find_mtu(const Facts& facts, Findings& out) {
    const Interface* widest = nullptr;
    for (const Interface& one : facts.interfaces) {
        if (one.present && in_use(one) && (widest == nullptr || one.mtu > widest->mtu)) {
            widest = &one;
        }
    }
    for (const Interface& one : facts.interfaces) {
        if (widest == nullptr || !one.present || !in_use(one) || one.mtu >= widest->mtu) {
            continue;
        }
        out.push_back({.severity = Severity::warning,
                       .subject = one.name,
                       .what = fmt::format("its MTU is {}, and packets come in by {} with up to {}", one.mtu,
                                           widest->name, widest->mtu),
                       .why = "what is too big for it is answered with an ICMP error: where a firewall drops that, "
                              "connections stand still after their first bytes",
                       .fix = fmt::format("ip link set dev {} mtu {}", one.name, widest->mtu)});
    }
}

void find_address_conflicts(const Facts& facts, Findings& out) {
    for (const OwnAddress& one : facts.addresses) {
        if (one.other_mac.empty()) {
            continue;
        }
        out.push_back({.severity = Severity::error,
                       .subject = one.address.text(),
                       .what = fmt::format("this {} is also at {} on {}", one.vip ? "VIP" : "Proxy IP", one.other_mac,
                                           one.other_link),
                       .why = "it is not answered for here until it is free: its packets go to the other host",
                       .fix = fmt::format("on the host with the MAC {}: ip addr del {}/{} dev INTERFACE", one.other_mac,
                                          one.address.text(), one.address.bits())});
    }
}

void find_local_addresses(const Facts& facts, Findings& out) {
    for (const OwnAddress& one : facts.addresses) {
        if (!one.of_host && !one.routed_local) {
            continue;
        }
        const std::string text = one.address.text();
        const std::string_view kind = one.vip ? "VIP" : "Proxy IP";
        out.push_back(
            {.severity = Severity::warning,
             .subject = text,
             .what = one.of_host ? fmt::format("this {} is also an address of this host, on {}", kind, one.host_link)
                                 : fmt::format("this {} has a local route on this host", kind),
             .why = one.vip ? "what matches no service is the host's, and a program on this host that calls it reaches "
                              "the host itself: local traffic does not pass XDP"
                            : "the host's own connections and those of clients share its ports, and each may get the "
                              "other's answers",
             .fix = one.of_host ? fmt::format("ip addr del {}/{} dev {}", text, one.host_prefix, one.host_link)
                                : fmt::format("ip route del local {} table local", text)});
    }
}

} // namespace proxip::policy::doctor
