#include "dataplane/tracer.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <spdlog/spdlog.h>

#include "dataplane/tables.hpp"
#include "model/descriptor.hpp"

using proxip::abi::abi_trace_filter; // the skeleton names it without a namespace
#include "trace.skel.h"

namespace proxip::dataplane {

struct TraceSkeletonDeleter {
    void operator()(proxip_trace_bpf* skeleton) const { proxip_trace_bpf__destroy(skeleton); }
};
using TraceSkeleton = std::unique_ptr<proxip_trace_bpf, TraceSkeletonDeleter>;

struct TraceRingDeleter {
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using TraceRing = std::unique_ptr<ring_buffer, TraceRingDeleter>;

struct TraceTotals { // as trace_maps.h has them
    std::uint64_t window;
    std::uint32_t seen;
    std::uint32_t pad0;
    std::uint64_t lost;
};

namespace {

using Sharing = std::vector<std::pair<bpf_map*, int>>;

Result<void> share(const Sharing& maps) {
    for (const auto& [map, fd] : maps) {
        if (const int error = bpf_map__reuse_fd(map, fd); error != 0) {
            return fail_errno(fmt::format("trace: cannot share the table {}", bpf_map__name(map)), -error);
        }
    }
    return {};
}

Sharing tables_of(const TraceSkeleton& skeleton, const TraceLane& lane) {
    const auto& maps = skeleton->maps;
    return {{maps.conn, lane.conn},        {maps.slot, lane.slot},   {maps.endpoint, lane.endpoint},
            {maps.vip, lane.vip},          {maps.proxy, lane.proxy}, {maps.counters, lane.counters},
            {maps.programs, lane.programs}};
}

// One of the object's two programs over a lane's tables, and what else it shares.
Result<TraceSkeleton> load(TraceSkeleton skeleton, bpf_program* which, const TraceLane& lane, const Sharing& more) {
    const auto& programs = skeleton->progs;
    for (bpf_program* program : {programs.trace_gate, programs.trace_packet, programs.trace_leaving}) {
        bpf_program__set_autoload(program, program == which);
        if (lane.jumbo) {
            bpf_program__set_flags(program, bpf_program__flags(program) | BPF_F_XDP_HAS_FRAGS);
        }
    }
    for (const Sharing& maps : {tables_of(skeleton, lane), more}) {
        if (auto shared = share(maps); !shared) {
            return std::unexpected(shared.error());
        }
    }
    if (const int error = proxip_trace_bpf__load(skeleton.get()); error != 0) {
        return fail_errno("trace: the kernel did not take the tracing program (the agent's log has the reason)",
                          -error);
    }
    return skeleton;
}

Result<TraceSkeleton> opened() {
    TraceSkeleton skeleton(proxip_trace_bpf__open());
    if (!skeleton) {
        return fail_errno("trace: cannot open the BPF object", errno);
    }
    return skeleton;
}

} // namespace

struct Tracers::Gate {
    TraceLane lane;
    TraceSkeleton skeleton;

    [[nodiscard]] int program() const { return bpf_program__fd(skeleton->progs.trace_gate); }
    [[nodiscard]] int tracers() const { return bpf_map__fd(skeleton->maps.tracers); }
};

class Tracers::One final : public Tracer {
  public:
    One(Tracers& all, std::uint32_t place) : all_(all), place_(place) {}
    ~One() override { all_.leave(place_); }
    One(const One&) = delete;
    One& operator=(const One&) = delete;
    One(One&&) = delete;
    One& operator=(One&&) = delete;

    Result<void> begin(const TraceOrder& order) {
        for (const auto& gate : all_.gates_) {
            if (auto added = add_lane(*gate, order); !added) {
                return added;
            }
        }
        auto totals = MappedArray<TraceTotals>::map(bpf_map__fd(first().totals), 1);
        if (!totals) {
            return std::unexpected(totals.error());
        }
        totals_ = std::move(*totals);
        ring_.reset(ring_buffer__new(bpf_map__fd(first().packets), on_packet, this, nullptr));
        if (!ring_) {
            return fail_errno("trace: cannot read the ring of packets", errno);
        }
        if (order.leaving) {
            if (auto added = watch_leaving(order); !added) {
                return added;
            }
        }
        for (std::size_t i = 0; i < skeletons_.size(); ++i) { // from here on it sees packets
            const int program = bpf_program__fd(skeletons_[i]->progs.trace_packet);
            if (bpf_map_update_elem(all_.gates_[i]->tracers(), &place_, &program, BPF_ANY) != 0) {
                return fail_errno("trace: cannot put the tracing program in its place", errno);
            }
        }
        return {};
    }

    int descriptor() const override { return ring_buffer__epoll_fd(ring_.get()); }

    void take(std::size_t at_most, const std::function<void(const TracedPacket&)>& visit) override {
        visit_ = &visit;
        left_ = at_most;
        (void)ring_buffer__consume(ring_.get()); // it ends with on_packet's error when it is enough
        visit_ = nullptr;
    }

    std::uint64_t lost() override {
        const std::uint64_t now = std::atomic_ref(totals_[0].lost).load();
        return now - std::exchange(told_lost_, now);
    }

  private:
    [[nodiscard]] decltype(proxip_trace_bpf::maps)& first() const { return skeletons_.front()->maps; }

    Result<void> add_lane(const Gate& gate, const TraceOrder& order) {
        auto loaded = loaded_for(gate, order, [](const auto& programs) { return programs.trace_packet; });
        if (!loaded) {
            return std::unexpected(loaded.error());
        }
        skeletons_.push_back(std::move(*loaded));
        return {};
    }

    // Links of tcx are the process's own: they go with it. Before 6.6 there are none, and neither are those frames.
    Result<void> watch_leaving(const TraceOrder& order) {
        auto loaded =
            loaded_for(*all_.gates_.front(), order, [](const auto& programs) { return programs.trace_leaving; });
        if (!loaded) {
            return std::unexpected(loaded.error());
        }
        leaving_ = std::move(*loaded);
        constexpr auto tcx_egress =
            static_cast<bpf_attach_type>(47); // BPF_TCX_EGRESS, which libbpf 1.1 has no name for
        for (const std::uint32_t index : all_.hook_.links()) {
            Descriptor link(bpf_link_create(bpf_program__fd(leaving_->progs.trace_leaving), static_cast<int>(index),
                                            tcx_egress, nullptr));
            if (link) {
                links_.push_back(std::move(link));
            } else {
                spdlog::debug("trace: frames that leave interface {} are not seen: {}", index, std::strerror(errno));
            }
        }
        return {};
    }

    // One ring and one limit, whatever kind a packet is of.
    template <typename Choose>
    Result<TraceSkeleton> loaded_for(const Gate& gate, const TraceOrder& order, Choose choose) {
        auto skeleton = opened();
        if (!skeleton) {
            return skeleton;
        }
        auto& maps = (*skeleton)->maps;
        auto* constants = (*skeleton)->rodata;
        constants->filter = order.filter;
        constants->snaplen = order.snaplen;
        constants->window_limit = std::max(1U, order.limit / abi::ABI_TRACE_WINDOWS);
        constants->mark_magic = gate.lane.mark_magic;
        constants->max_connections = gate.lane.max_connections;
        std::ranges::copy(gate.lane.seed.secret, std::begin(constants->table_secret));
        constants->place = place_;
        Sharing more{{maps.tracers, gate.tracers()}};
        if (!skeletons_.empty()) {
            more.insert(more.end(),
                        {{maps.packets, bpf_map__fd(first().packets)}, {maps.totals, bpf_map__fd(first().totals)}});
        }
        bpf_program* which = choose((*skeleton)->progs);
        return load(std::move(*skeleton), which, gate.lane, more);
    }

    static int on_packet(void* self, void* data, std::size_t size) {
        return static_cast<One*>(self)->take_one(static_cast<const std::uint8_t*>(data), size);
    }

    int take_one(const std::uint8_t* data, std::size_t size) {
        TracedPacket packet{};
        constexpr std::size_t head = sizeof packet.traced;
        if (size >= head) {
            std::memcpy(&packet.traced, data, head);
            const std::size_t in = packet.traced.captured;
            const std::size_t out = packet.traced.out_captured;
            if (head + in + out <= size) {
                packet.in = {data + head, in};
                packet.out = {data + head + in, out};
                (*visit_)(packet);
            }
        }
        return --left_ > 0 ? 0 : -EAGAIN; // this one is consumed in both cases
    }

    Tracers& all_;
    std::uint32_t place_;
    std::vector<TraceSkeleton> skeletons_; // one a lane
    TraceSkeleton leaving_;
    std::vector<Descriptor> links_; // of what leaves
    MappedArray<TraceTotals> totals_;
    TraceRing ring_;
    const std::function<void(const TracedPacket&)>* visit_ = nullptr;
    std::size_t left_ = 0;
    std::uint64_t told_lost_ = 0;
};

Tracers::Tracers(Hook hook) : hook_(std::move(hook)) {}

Tracers::~Tracers() {
    close();
}

Result<std::unique_ptr<Tracer>> Tracers::start(const TraceOrder& order) {
    const auto place = std::ranges::find(taken_, false);
    if (place == taken_.end()) {
        return fail(ErrorCode::refused,
                    fmt::format("{} traces run already, as many as may: end one first", taken_.size()));
    }
    if (gates_.empty()) {
        if (auto done = open(); !done) {
            close();
            return std::unexpected(done.error());
        }
    }
    *place = true;
    auto one = std::make_unique<One>(*this, static_cast<std::uint32_t>(place - taken_.begin()));
    if (auto begun = one->begin(order); !begun) {
        return std::unexpected(begun.error());
    }
    return one;
}

Result<void> Tracers::open() {
    const auto lanes = hook_.lanes();
    if (!lanes) {
        return std::unexpected(lanes.error());
    }
    std::vector<int> programs;
    for (const TraceLane& lane : *lanes) {
        auto skeleton = opened();
        if (!skeleton) {
            return std::unexpected(skeleton.error());
        }
        bpf_program* which = (*skeleton)->progs.trace_gate;
        auto loaded = load(std::move(*skeleton), which, lane, {});
        if (!loaded) {
            return std::unexpected(loaded.error());
        }
        gates_.push_back(std::make_unique<Gate>(Gate{.lane = lane, .skeleton = std::move(*loaded)}));
        programs.push_back(gates_.back()->program());
    }
    return hook_.divert(programs);
}

void Tracers::close() {
    if (!gates_.empty()) {
        hook_.restore();
        gates_.clear();
    }
}

void Tracers::leave(std::uint32_t place) {
    for (const auto& gate : gates_) {
        (void)bpf_map_delete_elem(gate->tracers(), &place);
    }
    taken_.at(place) = false;
    if (std::ranges::none_of(taken_, std::identity{})) {
        close();
    }
}

} // namespace proxip::dataplane
