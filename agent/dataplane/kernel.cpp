#include "dataplane/kernel.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <system_error>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include "dataplane/endings.hpp"
#include "dataplane/explainer.hpp"
#include "dataplane/hooks.hpp"
#include "dataplane/installer.hpp"
#include "dataplane/kernel_tables.hpp"
#include "dataplane/nat_events.hpp"
#include "dataplane/object.hpp"
#include "dataplane/pins.hpp"
#include "dataplane/readings.hpp"
#include "dataplane/redirect_capability.hpp"
#include "dataplane/surroundings.hpp"

namespace proxip::dataplane {

namespace {

namespace fs = std::filesystem;

Result<std::uint64_t> random_seed() {
    std::uint64_t seed = 0;
    if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        return fail_errno("no random numbers", errno);
    }
    return seed;
}

Result<void> arm_timer(const Skeleton& skeleton) {
    std::array<std::uint8_t, 64> frame{};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size());
    if (bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.proxip_arm), &options) != 0) {
        return fail_errno("cannot start the data plane's timer", errno);
    }
    if (options.retval != XDP_PASS) {
        return fail(ErrorCode::failed, "the data plane's timer did not start");
    }
    return {};
}

class KernelDataplane final : public Dataplane {
  public:
    KernelDataplane(Pins pins, Descriptor lock, std::shared_ptr<MapFolders> folders, Sizes sizes, bool migrating,
                    Skeleton skeleton, std::unique_ptr<KernelTables> tables, std::unique_ptr<NatEvents> nat_events,
                    Hooks hooks)
        : pins_(std::move(pins)), lock_(std::move(lock)), folders_(std::move(folders)), sizes_(sizes),
          migrating_(migrating), skeleton_(std::move(skeleton)), tables_(std::move(tables)),
          nat_events_(std::move(nat_events)), installer_(*tables_, PortChunks(tables_->port_chunks, pins_.maps())),
          surroundings_(*tables_), endings_(*tables_), hooks_(std::move(hooks)) {}

    void adopt() {
        surroundings_.adopt();
        installer_.adopt();
    }

    std::uint64_t generation() const override {
        const auto& control = tables_->control[0];
        return control.generation[control.epoch & 1];
    }
    std::uint32_t max_connections() const override {
        return static_cast<std::uint32_t>(tables_->control[0].max_connections);
    }
    Result<policy::Identities> identities() const override { return installer_.identities(); }
    policy::References open_references() const override { return read_references(*tables_); }
    Result<void> install(const policy::Image& image, std::uint64_t generation) override {
        if (auto done = installer_.install(image, generation); !done) {
            return done;
        }
        return runs_ ? Result<void>() : take_over();
    }
    void clear(const policy::References& freed) override {
        nat_events_->keep_what_waits();
        installer_.clear(freed);
    }

    Result<void> set_link(const Link& link) override { return surroundings_.set_link(link); }
    void forget_link(std::uint32_t index) override { surroundings_.forget_link(index); }
    void set_path(policy::Id endpoint, const Path& path) override { surroundings_.set_path(endpoint, path); }
    Result<void> set_locals(const std::map<Address, Local>& locals) override {
        return surroundings_.set_locals(locals);
    }

    void probe_redirect(std::uint32_t index) override {
        const auto takes = takes_redirected_frames(index, bpf_program__fd(skeleton_->progs.proxip_probe));
        if (!takes) {
            spdlog::debug("{}", takes.error().text()); // an interface that goes away is asked as well
        }
        const bool yes = takes && *takes;
        surroundings_.set_flags(index, yes ? abi::ABI_IFACE_REDIRECT_OUT : 0, yes ? 0 : abi::ABI_IFACE_REDIRECT_OUT);
    }
    bool takes_redirects(std::uint32_t index) const override {
        return (surroundings_.flags(index) & abi::ABI_IFACE_REDIRECT_OUT) != 0;
    }

    Result<XdpMode> attach(std::uint32_t index, XdpMode mode) override {
        auto used = hooks_.attach(index, mode);
        if (used) {
            const bool native = *used == XdpMode::native;
            surroundings_.set_flags(
                index, static_cast<std::uint16_t>(abi::ABI_IFACE_ATTACHED | (native ? abi::ABI_IFACE_REDIRECT_IN : 0)),
                native ? 0 : abi::ABI_IFACE_REDIRECT_IN);
        }
        return used;
    }
    void detach(std::uint32_t index) override {
        hooks_.detach(index);
        surroundings_.set_flags(index, 0, abi::ABI_IFACE_ATTACHED | abi::ABI_IFACE_REDIRECT_IN);
    }
    std::vector<Attachment> attachments() const override { return hooks_.attachments(); }

    std::size_t end_connections(const std::function<bool(const Connection&)>& which) override {
        return endings_.end(which);
    }
    bool go_on_ending() override { return endings_.go_on(); }
    void await_endings(std::chrono::milliseconds patience) const override { endings_.await(patience); }

    void tell_nat(bool on) override {
        std::atomic_ref(tables_->control[0].flags).store(on ? abi::ABI_CONTROL_NAT_LOG : 0);
    }
    bool tells_nat() const override { return (tables_->control[0].flags & abi::ABI_CONTROL_NAT_LOG) != 0; }
    void read_nat_events(const std::function<void(const NatEvent&)>& visit) override { nat_events_->read(visit); }
    std::uint64_t nat_events_lost() const override { return nat_events_->lost(); }
    std::uint64_t nat_buffer() const override { return sizes_.nat_buffer; }

    std::map<std::string, std::uint64_t> drops() const override { return read_drops(*tables_); }
    std::map<std::string, std::uint64_t> events() const override { return read_events(*tables_); }
    std::uint64_t live_connections() const override { return read_live(*tables_); }
    void each_connection(const std::function<bool(const Connection&)>& visit) const override {
        read_connections(*tables_, visit);
    }
    void each_unanswered(const std::function<bool(const Connection&)>& visit) const override {
        read_unanswered(*tables_, visit);
    }
    double seconds_since_sweep() const override { return read_seconds_since_sweep(*tables_); }
    std::uint32_t sample_connections(std::uint32_t at_most,
                                     const std::function<void(const Connection&)>& visit) const override {
        return read_some_connections(*tables_, at_most, visit);
    }
    bool is_down(policy::Id binding) const override {
        return (tables_->bindings[binding].flags & abi::ABI_BINDING_DOWN) != 0;
    }
    BindingCounts counts(policy::Id binding) const override { return read_counts(*tables_, binding); }
    std::vector<RingUse> ring_use(const std::vector<policy::Id>& rings) const override {
        return read_ring_use(*tables_, rings);
    }
    std::uint32_t link_of(const abi::abi_hop& hop) const override { return surroundings_.link_of(hop); }

    Result<Decision> explain(const Question& question) const override {
        auto dry_run = load_object(*folders_, sizes_, Purpose::dry_run);
        if (!dry_run) {
            return std::unexpected(dry_run.error());
        }
        const auto made = ask(*dry_run, question, surroundings_.mac(question.link));
        if (!made) {
            return std::unexpected(made.error());
        }
        return Decision{.made = *made, .connection = connection_of(*made)};
    }

    Result<std::unique_ptr<Tracer>> trace(const TraceOrder& order) override { return tracers_.start(order); }

    [[nodiscard]] const Skeleton& skeleton() const { return skeleton_; }

  private:
    [[nodiscard]] std::optional<Connection> connection_of(const abi::abi_decision& made) const {
        const auto slot = made.known != 0 ? read_slot(*tables_, made.slot) : std::nullopt;
        return slot && slot->state.generation == made.generation ? dataplane::connection_of(*tables_, *slot)
                                                                 : std::nullopt;
    }

    // What ran, if anything did, goes on with this agent's programs. Not before there is a configuration: the timer
    // takes its timeouts from it.
    Result<void> take_over() {
        if (auto armed = arm_timer(skeleton_); !armed) {
            return armed;
        }
        // With the same tables, what could not be moved goes on beside the rest. With others it needs those that it
        // has: they stay pinned, and the next agent tries again.
        if (auto moved = hooks_.take_over(); !moved && migrating_) {
            return moved;
        }
        if (migrating_) {
            if (auto moved = pins_.commit(); !moved) {
                return moved;
            }
            migrating_ = false;
            *folders_ = pins_.folders(false);
        }
        runs_ = true;
        return {};
    }

    // The packet programs that are on the hooks now, for a trace.
    Result<std::vector<TraceLane>> trace_lanes() {
        if (hooks_.attachments().empty()) {
            return fail(ErrorCode::refused, "no interface is attached: no packet passes");
        }
        const auto& maps = skeleton_->maps;
        TraceLane ordinary{.conn = bpf_map__fd(maps.conn),
                           .slot = bpf_map__fd(maps.slot),
                           .endpoint = bpf_map__fd(maps.endpoint),
                           .vip = bpf_map__fd(maps.vip),
                           .proxy = bpf_map__fd(maps.proxy),
                           .counters = bpf_map__fd(maps.counters),
                           .programs = bpf_map__fd(maps.programs),
                           .jumbo = false,
                           .mark_magic = static_cast<std::uint32_t>(tables_->control[0].hash_seed) | 1U}; // forward.h
        const auto seed = read_element<abi::abi_table_seed>(bpf_map__fd(maps.table_seed), 0);
        if (!seed) {
            return fail_errno("trace: cannot read the seed of the table of connections", errno);
        }
        ordinary.max_connections = max_connections();
        ordinary.seed = *seed;
        std::vector lanes{ordinary};
        if (hooks_.any_jumbo()) {
            TraceLane jumbo = ordinary;
            jumbo.jumbo = true;
            jumbo_programs_ = Descriptor(bpf_obj_get((folders_->configuration / "programs_jumbo").c_str()));
            if (!jumbo_programs_) {
                return fail_errno("trace: cannot open the table of the jumbo programs", errno);
            }
            jumbo.programs = jumbo_programs_.get();
            lanes.push_back(jumbo);
        }
        return lanes;
    }

    Pins pins_;
    Descriptor lock_;                     // of the folder: one writer
    std::shared_ptr<MapFolders> folders_; // where a load finds the maps, now
    Sizes sizes_;
    bool migrating_; // tables of configuration of another version are being replaced
    bool runs_ = false;
    Skeleton skeleton_;
    std::unique_ptr<KernelTables> tables_;
    std::unique_ptr<NatEvents> nat_events_;
    Installer installer_;
    Surroundings surroundings_;
    Endings endings_;
    Hooks hooks_;
    Descriptor jumbo_programs_; // for a trace
    Tracers tracers_{{.lanes = [this] { return trace_lanes(); },
                      .divert =
                          [this](const std::vector<int>& gates) {
                              return hooks_.divert(gates.at(0), gates.size() > 1 ? gates[1] : -1);
                          },
                      .restore = [this] { hooks_.restore(); },
                      .links = [this] { return surroundings_.links(); }}};
};

// Loaded when the first interface asks for it, and kept: links need it at every start.
std::function<Result<int>()> jumbo_loader(std::shared_ptr<const MapFolders> folders, Sizes sizes) {
    return [folders = std::move(folders), sizes, loaded = std::make_shared<Skeleton>()]() -> Result<int> {
        if (!*loaded) {
            auto skeleton = load_object(*folders, sizes, Purpose::jumbo);
            if (!skeleton) {
                return std::unexpected(skeleton.error());
            }
            *loaded = std::move(*skeleton);
        }
        return bpf_program__fd((*loaded)->progs.proxip_xdp);
    };
}

// Of a new data plane, or of new tables of configuration over connections that stay: marks and hashes go on as they
// were, and the generation is known.
Result<void> begin_control(KernelTables& tables, std::uint32_t max_connections,
                           const std::optional<abi::abi_control>& former) {
    auto seed = former ? Result<std::uint64_t>(former->hash_seed) : random_seed();
    if (!seed) {
        return std::unexpected(seed.error());
    }
    auto& control = tables.control[0];
    control.hash_seed = *seed;
    control.max_connections = max_connections;
    if (former) {
        control.generation[0] = former->generation[former->epoch & 1];
    }
    control.config_version = abi::ABI_CONFIG_VERSION;
    control.abi_version = abi::ABI_VERSION; // last: from here on it can be adopted
    return {};
}

} // namespace

Result<std::unique_ptr<Dataplane>> open_kernel(const fs::path& folder, std::uint32_t max_connections,
                                               std::uint32_t nat_buffer) {
    route_libbpf_log();
    Pins pins(folder);
    if (auto made = pins.make(); !made) {
        return std::unexpected(made.error());
    }
    auto lock = pins.lock();
    if (!lock) {
        return std::unexpected(lock.error());
    }
    auto former = pins.control();
    if (!former) {
        return std::unexpected(former.error());
    }
    if (*former && (*former)->max_connections != max_connections && !has_hooks(pins.links())) {
        spdlog::info("the data plane is attached to nothing: it is made anew, for {} connections", max_connections);
        former->reset();
    }
    const bool adopted = former->has_value();
    const bool migrating = adopted && (*former)->config_version != abi::ABI_CONFIG_VERSION;
    Sizes sizes{.max_connections = max_connections, .nat_buffer = nat_buffer};
    if (adopted) {
        sizes.nat_buffer = pins.nat_buffer().value_or(nat_buffer);
        sizes.max_connections = static_cast<std::uint32_t>((*former)->max_connections);
    } else if (auto removed = pins.remove(); !removed) { // what an unfinished start left
        return std::unexpected(removed.error());
    } else if (auto made = pins.make(); !made) {
        return std::unexpected(made.error());
    }
    if (migrating) {
        spdlog::info("the running data plane's configuration is of version {}; this agent's is {}: it is made anew",
                     (*former)->config_version, int{abi::ABI_CONFIG_VERSION});
        if (auto staged = pins.stage(); !staged) {
            return std::unexpected(staged.error());
        }
    }
    auto folders = std::make_shared<MapFolders>(pins.folders(migrating));
    auto skeleton = load_object(*folders, sizes, Purpose::live);
    if (!skeleton) {
        return std::unexpected(skeleton.error());
    }
    auto tables = KernelTables::open(*skeleton, sizes.max_connections);
    if (!tables) {
        return std::unexpected(tables.error());
    }
    auto kept = std::make_unique<KernelTables>(std::move(*tables));
    if (!adopted || migrating) {
        if (auto begun = begin_control(*kept, sizes.max_connections, *former); !begun) {
            return std::unexpected(begun.error());
        }
    }
    auto nat_events = NatEvents::open(*kept);
    if (!nat_events) {
        return std::unexpected(nat_events.error());
    }
    auto hooks = Hooks::adopt(pins.links(), {.xdp = bpf_program__fd((*skeleton)->progs.proxip_xdp),
                                             .tc = bpf_program__fd((*skeleton)->progs.proxip_tc),
                                             .jumbo_xdp = jumbo_loader(folders, sizes)});
    if (!hooks) {
        return std::unexpected(hooks.error());
    }
    auto out = std::make_unique<KernelDataplane>(std::move(pins), std::move(*lock), std::move(folders), sizes,
                                                 migrating, std::move(*skeleton), std::move(kept),
                                                 std::move(*nat_events), std::move(*hooks));
    out->adopt();
    return out;
}

Result<void> remove_kernel(const fs::path& folder) {
    std::error_code error;
    if (!fs::exists(folder, error)) {
        return {};
    }
    const Pins pins(folder);
    auto lock = pins.lock();
    if (!lock) {
        return std::unexpected(lock.error());
    }
    if (auto removed = pins.remove(); !removed) {
        return removed;
    }
    fs::remove(folder, error); // the mount point itself may not be ours to remove
    return {};
}

int program_fd(const Dataplane& dataplane, std::string_view name) {
    const auto* kernel = dynamic_cast<const KernelDataplane*>(&dataplane);
    return kernel == nullptr ? -1 : program_fd(kernel->skeleton(), name);
}

int map_fd(const Dataplane& dataplane, std::string_view name) {
    const auto* kernel = dynamic_cast<const KernelDataplane*>(&dataplane);
    return kernel == nullptr ? -1 : map_fd(kernel->skeleton(), name);
}

} // namespace proxip::dataplane
