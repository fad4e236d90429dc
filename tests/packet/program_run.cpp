#include "packet/program_run.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <bpf/bpf.h>
#include <fmt/format.h>

namespace proxip::packet {

namespace {

constexpr std::size_t room = 65536; // what is larger than a page comes to an XDP program in several

[[noreturn]] void refuse(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

std::optional<abi::abi_mark> mark_of(const Bytes& metadata) {
    abi::abi_mark mark{};
    if (metadata.size() != sizeof mark) {
        return std::nullopt;
    }
    std::memcpy(&mark, metadata.data(), sizeof mark);
    return mark;
}

} // namespace

std::ostream& operator<<(std::ostream& out, Verdict verdict) {
    constexpr std::array<const char*, 5> names = {"aborted", "drop", "pass", "tx", "redirect"};
    const auto number = static_cast<std::size_t>(verdict);
    return out << (number < names.size() ? names[number] : "unknown verdict");
}

Outcome run_xdp(int program, std::uint32_t ifindex, const Frame& frame, std::size_t taken_metadata) {
    Bytes in(taken_metadata);
    in.insert(in.end(), frame.bytes.begin(), frame.bytes.end());
    Bytes out(room);
    xdp_md context{};
    context.data = static_cast<std::uint32_t>(taken_metadata); // data_meta is 0: offsets into `in`
    context.data_end = static_cast<std::uint32_t>(in.size());
    context.ingress_ifindex = ifindex;
    xdp_md after{};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.data(), .data_out = out.data(),
                .data_size_in = static_cast<std::uint32_t>(in.size()),
                .data_size_out = static_cast<std::uint32_t>(out.size()), .ctx_in = &context, .ctx_out = &after,
                .ctx_size_in = sizeof context, .ctx_size_out = sizeof after);
    if (bpf_prog_test_run_opts(program, &options) != 0) {
        refuse("BPF_PROG_RUN of an XDP program");
    }
    out.resize(options.data_size_out);
    const auto data = out.begin() + static_cast<std::ptrdiff_t>(after.data);
    return {.verdict = static_cast<Verdict>(options.retval),
            .frame = {Bytes(data, out.end())},
            .mark = mark_of(Bytes(out.begin(), data)),
            .ns = options.duration};
}

std::size_t all_metadata(int program, std::uint32_t ifindex) {
    constexpr std::size_t most = 256;
    const Frame nothing_of_ours{Bytes(60)};
    for (std::size_t size = most; size > 0; size -= 4) {
        try {
            (void)run_xdp(program, ifindex, nothing_of_ours, size);
            return size;
        } catch (const std::system_error&) {
            continue; // more than this kernel takes
        }
    }
    return 0;
}

SkbOutcome run_skb(int program, std::uint32_t ifindex, const Frame& frame) {
    Bytes out(room);
    __sk_buff context{};
    context.ingress_ifindex = ifindex;
    context.ifindex = ifindex;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes.data(), .data_out = out.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.bytes.size()),
                .data_size_out = static_cast<std::uint32_t>(out.size()), .ctx_in = &context,
                .ctx_size_in = sizeof context);
    if (bpf_prog_test_run_opts(program, &options) != 0) {
        refuse("BPF_PROG_RUN of a clsact program");
    }
    out.resize(options.data_size_out);
    return {.action = static_cast<int>(options.retval), .frame = {out}};
}

} // namespace proxip::packet
