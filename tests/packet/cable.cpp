#include "packet/cable.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

namespace proxip::packet {

namespace {

void must(bool done, const char* what) {
    if (!done) {
        throw std::system_error(errno, std::generic_category(), what);
    }
}

using Instruction = bpf_insn;
using Register = std::uint8_t;

Instruction instruction(unsigned code, Register to, Register from, std::int16_t offset, std::int32_t value) {
    Instruction out{};
    out.code = static_cast<std::uint8_t>(code);
    out.dst_reg = to & 15;
    out.src_reg = from & 15;
    out.off = offset;
    out.imm = value;
    return out;
}
Instruction copy(Register to, Register from) {
    return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}
Instruction set(Register to, std::int32_t value) {
    return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
Instruction add(Register to, std::int32_t value) {
    return instruction(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0,
                       value); // NOLINT(misc-redundant-expression): zeros by chance
}
Instruction load(unsigned size, Register to, Register from, std::int16_t offset) {
    return instruction(BPF_LDX | BPF_MEM | size, to, from, offset, 0);
}
Instruction store(Register to, std::int16_t offset, Register from) {
    return instruction(BPF_STX | BPF_MEM | BPF_DW, to, from, offset, 0);
}
Instruction jump_if_above(Register a, Register b, std::int16_t over) {
    return instruction(BPF_JMP | BPF_JGT | BPF_X, a, b, over, 0);
}
Instruction call(std::int32_t helper) {
    return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}
Instruction end() {
    return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

// The first 16 bytes of the frame become its metadata.
int load_marker() {
    constexpr std::int32_t size = sizeof(abi::abi_mark);
    static_assert(size == 16);
    const std::array program = {
        copy(6, 1),
        set(2, -size),
        call(BPF_FUNC_xdp_adjust_meta),
        load(BPF_W, 2, 6, offsetof(xdp_md, data_meta)),
        load(BPF_W, 3, 6, offsetof(xdp_md, data)),
        load(BPF_W, 4, 6, offsetof(xdp_md, data_end)),
        copy(5, 2),
        add(5, size),
        jump_if_above(5, 3, 10), // there is no room
        copy(5, 3),
        add(5, size),
        jump_if_above(5, 4, 7), // the frame is too short
        load(BPF_DW, 0, 3, 0),
        store(2, 0, 0),
        load(BPF_DW, 0, 3, 8),
        store(2, 8, 0),
        copy(1, 6),
        set(2, size),
        call(BPF_FUNC_xdp_adjust_head),
        set(0, XDP_PASS),
        end(),
    };
    return bpf_prog_load(BPF_PROG_TYPE_XDP, "marker", "GPL", program.data(), program.size(), nullptr);
}

bpf_tc_hook ingress_of(std::uint32_t ifindex) {
    bpf_tc_hook hook{};
    hook.sz = sizeof hook;
    hook.ifindex = static_cast<int>(ifindex);
    hook.attach_point = BPF_TC_INGRESS;
    return hook;
}

} // namespace

Cable::Cable(const char* peer) : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(ETH_P_ALL);
    where.sll_ifindex = static_cast<int>(::if_nametoindex(peer));
    must(socket_ && ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0,
         "cannot listen on a cable");
}

void Cable::send(const Bytes& bytes) const {
    must(::send(socket_.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
         "cannot send a frame");
}

std::optional<Frame> Cable::receive(std::chrono::milliseconds patience) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (true) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0) {
            return std::nullopt;
        }
        Bytes bytes(2048);
        sockaddr_ll from{};
        socklen_t size = sizeof from;
        const auto got =
            ::recvfrom(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        must(got >= 0, "cannot receive a frame");
        bytes.resize(static_cast<std::size_t>(got));
        const auto protocol = ntohs(from.sll_protocol);
        const bool to_group = (bytes.at(0) & 1) != 0; // the kernel's own neighbour discovery
        if (from.sll_pkttype != PACKET_OUTGOING && !to_group && (protocol == ETH_P_IP || protocol == ETH_P_IPV6)) {
            return Frame{bytes};
        }
    }
}

MarkedInterface::MarkedInterface(std::uint32_t ifindex, int clsact_program)
    : ifindex_(ifindex), marker_(load_marker()) {
    must(static_cast<bool>(marker_), "cannot load the marker");
    must(bpf_xdp_attach(static_cast<int>(ifindex), marker_.get(), XDP_FLAGS_DRV_MODE, nullptr) == 0,
         "cannot attach the marker");
    auto hook = ingress_of(ifindex);
    must(bpf_tc_hook_create(&hook) == 0, "cannot make a clsact hook");
    bpf_tc_opts filter{};
    filter.sz = sizeof filter;
    filter.prog_fd = clsact_program;
    must(bpf_tc_attach(&hook, &filter) == 0, "cannot attach the clsact program");
}

MarkedInterface::~MarkedInterface() {
    (void)bpf_xdp_detach(static_cast<int>(ifindex_), XDP_FLAGS_DRV_MODE, nullptr);
    auto hook = ingress_of(ifindex_);
    // Both stand for the qdisc itself.
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange)
    hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
    (void)bpf_tc_hook_destroy(&hook);
}

Bytes marked(const abi::abi_mark& mark, const Frame& frame) {
    Bytes out(sizeof mark);
    std::memcpy(out.data(), &mark, sizeof mark);
    out.insert(out.end(), frame.bytes.begin(), frame.bytes.end());
    return out;
}

} // namespace proxip::packet
