// Whether a device takes redirected frames: real devices in namespaces, and the drivers that are judged by their names.

#include "dataplane/redirect_capability.hpp"

#include <array>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <catch2/catch.hpp>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "model/descriptor.hpp"
#include "unit/net_namespace.hpp"

namespace {

using proxip::Descriptor;
using proxip::dataplane::advertised_redirect;
using proxip::dataplane::Driver;
using proxip::dataplane::driver_of;
using proxip::dataplane::driver_takes_redirects;
using proxip::dataplane::may_have_partial_checksums;
using proxip::dataplane::takes_redirected_frames;
using proxip::dataplane::tried_redirect;
using proxip::net::test::Inside;
using proxip::net::test::may_unshare;
using proxip::net::test::Namespace;
using proxip::net::test::Pair;

constexpr bpf_insn instruction(int code, int destination, int source, int offset, int immediate) {
    bpf_insn out{};
    out.code = static_cast<__u8>(code);
    out.dst_reg = static_cast<__u8>(destination & 0xf);
    out.src_reg = static_cast<__u8>(source & 0xf);
    out.off = static_cast<__s16>(offset);
    out.imm = immediate;
    return out;
}

template <std::size_t N>
Descriptor load(const std::array<bpf_insn, N>& program) {
    Descriptor out(bpf_prog_load(BPF_PROG_TYPE_XDP, "test", "GPL", program.data(), program.size(), nullptr));
    REQUIRE(out);
    return out;
}

// return bpf_redirect(*(u32*)(data + 14), 0), or XDP_DROP for a frame that is too short
Descriptor load_probe() {
    return load(std::array{
        instruction(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0),          // r2 = data
        instruction(BPF_LDX | BPF_MEM | BPF_W, 3, 1, 4, 0),          // r3 = data_end
        instruction(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),        // r4 = r2
        instruction(BPF_ALU64 | BPF_ADD, 4, 0, 0, 18),               // r4 += 18
        instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_DROP), // r0 = XDP_DROP
        instruction(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 3, 0),          // if r4 > r3 goto exit
        instruction(BPF_LDX | BPF_MEM | BPF_W, 1, 2, 14, 0),         // r1 = *(u32*)(r2 + 14)
        instruction(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),        // r2 = 0
        instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    });
}

Descriptor load_pass() {
    return load(std::array{instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS),
                           instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)});
}

// What each way says of an interface of that namespace; they must agree where the kernel has both.
bool takes(const Namespace& there, const char* name, const Descriptor& probe) {
    const Inside inside(there);
    const auto index = ::if_nametoindex(name);
    const auto advertised = advertised_redirect(index);
    const auto tried = tried_redirect(index, probe.get());
    const auto chosen = takes_redirected_frames(index, probe.get());
    REQUIRE(advertised);
    REQUIRE(tried);
    REQUIRE(chosen);
    CHECK(advertised->value_or(*tried) == *tried);
    CHECK(*chosen == *tried);
    return *chosen;
}

Driver driver(std::string name, std::string bus = "0000:00:03.0") {
    return {.name = std::move(name), .bus = std::move(bus)};
}

} // namespace

TEST_CASE("a veth takes redirected frames while its peer has NAPI", "[dataplane][root]") {
    if (!may_unshare()) {
        return;
    }
    const Descriptor probe = load_probe();
    const Pair pair;
    REQUIRE_FALSE(takes(pair.near, "near", probe));

    SECTION("by GRO at the peer") {
        pair.near.run("ethtool -K near gro on"); // its own is of no use to it
        CHECK_FALSE(takes(pair.near, "near", probe));
        CHECK(takes(pair.far, "far", probe));
        pair.far.run("ethtool -K far gro on");
        CHECK(takes(pair.near, "near", probe));
        pair.far.run("ethtool -K far gro off");
        CHECK_FALSE(takes(pair.near, "near", probe));
    }
    SECTION("by an XDP program of the peer") {
        const Descriptor program = load_pass();
        const auto attach = [&](int descriptor, unsigned flags) {
            const Inside inside(pair.far);
            const auto index = static_cast<int>(::if_nametoindex("far"));
            REQUIRE(bpf_xdp_attach(index, descriptor, flags, nullptr) == 0);
        };
        attach(program.get(), XDP_FLAGS_SKB_MODE);
        CHECK_FALSE(takes(pair.near, "near", probe));
        attach(-1, XDP_FLAGS_SKB_MODE);
        attach(program.get(), XDP_FLAGS_DRV_MODE);
        CHECK(takes(pair.near, "near", probe));
        attach(-1, XDP_FLAGS_DRV_MODE);
        CHECK_FALSE(takes(pair.near, "near", probe));
    }
}

TEST_CASE("devices without ndo_xdp_xmit take no redirected frames", "[dataplane][root]") {
    if (!may_unshare()) {
        return;
    }
    const Descriptor probe = load_probe();
    const Pair pair;
    pair.near.run(
        "ip link add name br0 type bridge && ip link set br0 up && ip link add name mv0 link near type macvlan");
    CHECK_FALSE(takes(pair.near, "br0", probe));
    CHECK_FALSE(takes(pair.near, "mv0", probe));
    CHECK_FALSE(takes(pair.near, "lo", probe));
}

TEST_CASE("a tap takes redirected frames, a tun does not", "[dataplane][root]") {
    if (!may_unshare()) {
        return;
    }
    const Descriptor probe = load_probe();
    const Namespace here;
    here.run("ip tuntap add name tap0 mode tap && ip tuntap add name tun0 mode tun");
    CHECK(takes(here, "tap0", probe));
    CHECK_FALSE(takes(here, "tun0", probe));
}

TEST_CASE("an interface that is not there is an error in every way of asking", "[dataplane][root]") {
    if (!may_unshare()) {
        return;
    }
    const Descriptor probe = load_probe();
    const Namespace empty;
    const Inside inside(empty);
    const auto chosen = takes_redirected_frames(77, probe.get());
    REQUIRE_FALSE(chosen);
    CHECK(chosen.error().message.find("interface 77") != std::string::npos);
    CHECK_FALSE(tried_redirect(77, probe.get()));
    CHECK_FALSE(driver_of(77));
}

TEST_CASE("drivers are known by name where the kernel does not tell", "[dataplane]") {
    CHECK(driver_takes_redirects(driver("mlx5_core"), false));
    CHECK(driver_takes_redirects(driver("ixgbe"), true));
    CHECK_FALSE(driver_takes_redirects(driver("ixgbe"), false)); // its XDP queues come with a program
    CHECK_FALSE(driver_takes_redirects(driver("e1000e"), true));
    CHECK(driver_takes_redirects(driver("tun", "tap"), false));
    CHECK_FALSE(driver_takes_redirects(driver("tun", "tun"), true));
    CHECK_FALSE(driver_takes_redirects(driver("", ""), true));
}

TEST_CASE("partial checksums come from software devices and other guests, not from hardware", "[dataplane]") {
    CHECK_FALSE(may_have_partial_checksums(driver("ixgbe")));
    CHECK(may_have_partial_checksums(driver("virtio_net")));
    CHECK(may_have_partial_checksums(driver("tun", "tap")));
    CHECK(may_have_partial_checksums(driver("bridge", "N/A")));
    if (may_unshare()) {
        const Pair pair;
        const Inside inside(pair.near);
        const auto veth = driver_of(::if_nametoindex("near"));
        REQUIRE(veth);
        CHECK(veth->name == "veth");
        CHECK(may_have_partial_checksums(*veth));
    }
}
