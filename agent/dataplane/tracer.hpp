#pragma once

// Packets as the packet programs take and leave them, with what was done: trace.bpf.c, in front of them for as long as
// a tracer lives.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "bpf/abi/trace.h"
#include "model/result.hpp"

namespace proxip::dataplane {

struct TraceOrder {
    abi::abi_trace_filter filter{};
    std::uint32_t snaplen = 256;
    std::uint32_t limit = 10'000; // packets a second
    bool leaving = false; // frames as the clsact program sends them, too (ABI_TRACE_LEFT), where the kernel has tcx
};

struct TracedPacket {
    abi::abi_traced traced;
    std::span<const std::uint8_t> in;  // so many bytes as were kept
    std::span<const std::uint8_t> out; // empty: nothing left, or not from XDP
};

class Tracer {
  public:
    virtual ~Tracer() = default;

    // Readable when there are packets to take.
    [[nodiscard]] virtual int descriptor() const = 0;
    // Those that are there now, at most so many.
    virtual void take(std::size_t at_most, const std::function<void(const TracedPacket&)>& visit) = 0;
    // Lost since the last call: above the limit, or too many to be kept until they were taken.
    [[nodiscard]] virtual std::uint64_t lost() = 0;
};

// The packet programs of one kind: ordinary, or those for jumbo frames. Descriptors of the tables that they use.
struct TraceLane {
    int conn = -1;
    int slot = -1;
    int endpoint = -1;
    int vip = -1;
    int proxy = -1;
    int counters = -1;
    int programs = -1;
    bool jumbo = false;
    std::uint32_t mark_magic = 0;
    std::uint32_t max_connections = 0;
    abi::abi_table_seed seed{};
};

// What stands in front of the packet programs while there are tracers. Outlives them.
class Tracers {
  public:
    // Puts programs in front of the packet programs, one a lane and in their order; and takes them away again.
    struct Hook {
        std::function<Result<std::vector<TraceLane>>()> lanes;
        std::function<Result<void>(const std::vector<int>& gates)> divert;
        std::function<void()> restore;
        std::function<std::vector<std::uint32_t>()> links; // that packets may leave by
    };

    explicit Tracers(Hook hook);
    ~Tracers();
    Tracers(const Tracers&) = delete;
    Tracers& operator=(const Tracers&) = delete;

    // Refused when there are ABI_TRACERS already.
    [[nodiscard]] Result<std::unique_ptr<Tracer>> start(const TraceOrder& order);

  private:
    class One;
    struct Gate;

    [[nodiscard]] Result<void> open();
    void close();
    void leave(std::uint32_t place);

    Hook hook_;
    std::vector<std::unique_ptr<Gate>> gates_; // while there is a tracer
    std::array<bool, abi::ABI_TRACERS> taken_{};
};

} // namespace proxip::dataplane
