#include "dataplane/explainer.hpp"

#include <cerrno>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/asked_packet.hpp"

namespace proxip::dataplane {

Result<abi::abi_decision> ask(const Skeleton& dry_run, const Question& question, const Mac& destination_mac) {
    const int decision_map = bpf_map__fd(dry_run->maps.decision);
    const std::uint32_t key = 0;
    abi::abi_decision decision{};
    if (bpf_map_update_elem(decision_map, &key, &decision, BPF_ANY) != 0) {
        return fail_errno("explain: cannot clear the decision", errno);
    }
    const auto frame = asked_packet(question, destination_mac);
    const auto frame_bytes = static_cast<std::uint32_t>(frame.size());
    std::vector<std::uint8_t> out(frame.size());
    xdp_md context{};
    context.data_end = frame_bytes;
    context.ingress_ifindex = question.link;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = out.data(),
                .data_size_in = frame_bytes, .data_size_out = frame_bytes, .ctx_in = &context,
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
