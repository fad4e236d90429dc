#include "dataplane/explainer.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "policy/abi.hpp"

namespace proxip::dataplane {

namespace {

constexpr std::uint16_t window = 64240;
using Frame = std::array<std::uint8_t, 64>;

template <typename T>
void put(Frame& frame, std::size_t offset, const T& value) {
    std::memcpy(frame.data() + offset, &value, sizeof value);
}

// A SYN or an empty datagram. Checksums are left out: a decision does not read them.
Frame first_packet(const Question& question, const Mac& destination_mac) {
    Frame frame{};
    ethhdr eth{};
    std::memcpy(eth.h_dest, destination_mac.data(), ETH_ALEN);
    eth.h_source[0] = 2;
    eth.h_proto = policy::swap_port(ETH_P_IP);
    put(frame, 0, eth);

    const bool tcp = question.protocol == Protocol::tcp;
    iphdr ip{};
    ip.version = 4;
    ip.ihl = 5;
    ip.ttl = 64;
    ip.protocol = policy::to_abi(question.protocol);
    ip.tot_len = policy::swap_port(static_cast<std::uint16_t>(sizeof ip + (tcp ? sizeof(tcphdr) : sizeof(udphdr))));
    std::memcpy(&ip.saddr, question.from.address.bytes.data(), sizeof ip.saddr);
    std::memcpy(&ip.daddr, question.to.address.bytes.data(), sizeof ip.daddr);
    put(frame, sizeof eth, ip);

    if (tcp) {
        tcphdr header{};
        header.source = policy::swap_port(question.from.port);
        header.dest = policy::swap_port(question.to.port);
        header.doff = sizeof header / 4;
        header.syn = 1;
        header.window = policy::swap_port(window);
        put(frame, sizeof eth + sizeof ip, header);
    } else {
        udphdr header{};
        header.source = policy::swap_port(question.from.port);
        header.dest = policy::swap_port(question.to.port);
        header.len = policy::swap_port(sizeof header);
        put(frame, sizeof eth + sizeof ip, header);
    }
    return frame;
}

} // namespace

Result<abi::abi_decision> ask(const Skeleton& dry_run, const Question& question, const Mac& destination_mac) {
    const int decision_map = bpf_map__fd(dry_run->maps.decision);
    const std::uint32_t key = 0;
    abi::abi_decision decision{};
    if (bpf_map_update_elem(decision_map, &key, &decision, BPF_ANY) != 0) {
        return fail_errno("explain: cannot clear the decision", errno);
    }
    Frame frame = first_packet(question, destination_mac);
    Frame out{};
    xdp_md context{};
    context.data_end = sizeof frame;
    context.ingress_ifindex = question.link;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = out.data(),
                .data_size_in = sizeof frame, .data_size_out = sizeof out, .ctx_in = &context,
                .ctx_size_in = sizeof context);
    if (bpf_prog_test_run_opts(bpf_program__fd(dry_run->progs.proxip_xdp), &options) != 0) {
        return fail_errno("explain: the kernel did not run the program", errno);
    }
    if (bpf_map_lookup_elem(decision_map, &key, &decision) != 0) {
        return fail_errno("explain: cannot read the decision", errno);
    }
    return decision;
}

} // namespace proxip::dataplane
