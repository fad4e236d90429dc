#include "bench/ends.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "bench.skel.h"

namespace proxip::bench {

namespace {

void need(bool done, const char* what) {
    if (!done) {
        throw std::system_error(errno, std::generic_category(), what);
    }
}

void attach(const bpf_program* program, const Port& at) {
    need(bpf_xdp_attach(static_cast<int>(at.index), bpf_program__fd(program), XDP_FLAGS_DRV_MODE, nullptr) == 0,
         "cannot attach an XDP program of the bench");
}

// The programs write it while we look.
std::uint64_t now(const __u64& counter) {
    return static_cast<const volatile __u64&>(counter);
}

} // namespace

void Ends::Close::operator()(bench_bpf* skeleton) const {
    bench_bpf::destroy(skeleton);
}

Ends::Ends(const Stage& stage, std::uint32_t most_flows) : bpf_(bench_bpf::open()) {
    need(bpf_ != nullptr, "cannot open the bench's programs");
    need(bpf_map__set_max_entries(bpf_->maps.flows, most_flows) == 0, "cannot size the table of flows");
    need(bench_bpf::load(bpf_.get()) == 0, "cannot load the bench's programs");
    for (const Port* end : {&stage.client, &stage.server, &stage.drain}) {
        attach(bpf_->progs.bench_sink, *end);
    }
}

Ends::~Ends() = default;

void Ends::set_flows(const Flows& flows) {
    const int map = bpf_map__fd(bpf_->maps.flows);
    for (std::uint32_t key = 0; key < flows.size(); ++key) {
        need(bpf_map_update_elem(map, &key, &flows[key], BPF_ANY) == 0, "cannot write a flow");
    }
    bpf_->bss->flow_count = static_cast<std::uint32_t>(flows.size());
    bpf_->bss->next_flow = 0;
}

void Ends::set_header(Family family, const dataplane::Mac& destination, const dataplane::Mac& source) {
    family_ = family;
    std::ranges::copy(header(family, destination, source), static_cast<std::uint8_t*>(bpf_->bss->header));
}

std::uint32_t Ends::send(const Port& by, std::uint32_t frames) {
    constexpr std::uint32_t batch = 64; // a quarter of a veth's ring, and NAPI's weight
    std::vector<std::uint8_t> frame(frame_bytes(family_));
    const auto* generator = family_ == Family::v4 ? bpf_->progs.bench_generate : bpf_->progs.bench_generate6;
    bpf_->bss->first_hop = by.index;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()), .repeat = static_cast<int>(frames),
                .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = batch);
    need(bpf_prog_test_run_opts(bpf_program__fd(generator), &options) == 0, "cannot send frames");
    return options.duration;
}

void Ends::expect(const bench_expect& what) {
    bpf_->bss->expect = what;
}

bench_arrivals Ends::arrivals() const {
    return {.expected = now(bpf_->bss->arrivals.expected), .other = now(bpf_->bss->arrivals.other)};
}

void Ends::attach_redirect(const Port& at, const Port& to) {
    bpf_->bss->redirect_to = to.index;
    attach(bpf_->progs.bench_redirect, at);
}

void Ends::attach_pass(const Port& at) {
    attach(bpf_->progs.bench_pass, at);
}

void Ends::attach_tc_sink(const Port& at) {
    constexpr std::uint32_t behind_all = 60000;
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(at.index), .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(bpf_->progs.bench_tc_sink), .handle = 1,
                .priority = behind_all);
    const int made = bpf_tc_hook_create(&hook);
    need(made == 0 || made == -EEXIST, "cannot make a clsact hook");
    need(bpf_tc_attach(&hook, &options) == 0, "cannot attach the bench's clsact sink");
}

} // namespace proxip::bench
