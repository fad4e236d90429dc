#include "dataplane/kernel.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/vfs.h>

#include "dataplane/endings.hpp"
#include "dataplane/explainer.hpp"
#include "dataplane/hooks.hpp"
#include "dataplane/installer.hpp"
#include "dataplane/kernel_tables.hpp"
#include "dataplane/object.hpp"
#include "dataplane/readings.hpp"
#include "dataplane/redirect_capability.hpp"
#include "dataplane/surroundings.hpp"

namespace proxip::dataplane {

namespace {

namespace fs = std::filesystem;

fs::path maps_folder(const fs::path& folder) {
    return folder / "maps";
}
fs::path links_folder(const fs::path& folder) {
    return folder / "links";
}

Result<void> make_folder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(maps_folder(folder), error);
    struct statfs where{};
    if (error) {
        return fail_errno(fmt::format("cannot make {}", folder.string()), error.value());
    }
    if (::statfs(folder.c_str(), &where) != 0 || where.f_type != BPF_FS_MAGIC) {
        return fail(ErrorCode::refused,
                    fmt::format("{} is not on a bpffs; expected one (mount -t bpf bpf {})", folder.string(),
                                folder.parent_path().string()),
                    "--bpffs");
    }
    return {};
}

// Two agents on one data plane would each write their own ids into it.
Result<Descriptor> lock_folder(const fs::path& folder) {
    Descriptor lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock) {
        return fail_errno(fmt::format("cannot open {}", folder.string()), errno);
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return fail(ErrorCode::refused, fmt::format("another agent runs the data plane in {}", folder.string()),
                    "--bpffs");
    }
    return lock;
}

// The control table of a data plane that is pinned there, if there is one.
Result<std::optional<abi::abi_control>> pinned_control(const fs::path& folder) {
    const Descriptor map(bpf_obj_get((maps_folder(folder) / "control").c_str()));
    if (!map && errno == ENOENT) {
        return std::optional<abi::abi_control>();
    }
    if (!map) { // not known is not none: what runs there must not be taken for remains
        return fail_errno(fmt::format("cannot open what is pinned in {}", folder.string()), errno);
    }
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0) {
        return fail_errno("cannot read the pinned data plane", errno);
    }
    const auto control =
        info.value_size == sizeof(abi::abi_control) ? read_element<abi::abi_control>(map.get(), 0) : std::nullopt;
    if (!control || (control->abi_version != abi::ABI_VERSION && control->abi_version != 0)) {
        return fail(
            ErrorCode::refused,
            fmt::format("{} holds a data plane of ABI version {}; expected {}: take it down with lbagent --detach",
                        folder.string(), control ? control->abi_version : 0, int{abi::ABI_VERSION}));
    }
    // Version 0: made, but never finished, by an agent that was killed.
    return control->abi_version == 0 ? std::optional<abi::abi_control>() : control;
}

Result<void> remove_pins(const fs::path& folder) {
    // First: what is left when this is interrupted must not be adopted.
    if (const Descriptor map(bpf_obj_get((maps_folder(folder) / "control").c_str())); map) {
        if (auto control = read_element<abi::abi_control>(map.get(), 0)) {
            const std::uint32_t key = 0;
            control->abi_version = 0;
            (void)bpf_map_update_elem(map.get(), &key, &*control, BPF_ANY);
        }
    }
    remove_hooks(links_folder(folder));
    std::error_code error;
    for (const fs::path& part : {maps_folder(folder), links_folder(folder)}) {
        fs::remove_all(part, error);
        if (error) {
            return fail_errno(fmt::format("cannot remove {}", part.string()), error.value());
        }
    }
    return {};
}

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
    KernelDataplane(fs::path folder, Descriptor lock, Skeleton skeleton, std::unique_ptr<KernelTables> tables,
                    Hooks hooks)
        : folder_(std::move(folder)), lock_(std::move(lock)), skeleton_(std::move(skeleton)),
          tables_(std::move(tables)), installer_(*tables_), surroundings_(*tables_), endings_(*tables_),
          hooks_(std::move(hooks)) {}

    Result<void> adopt() {
        surroundings_.adopt();
        return installer_.adopt();
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
        return installer_.install(image, generation);
    }
    void clear(const policy::References& freed) override { installer_.clear(freed); }

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
    void go_on_ending() override { endings_.go_on(); }
    void await_endings(std::chrono::milliseconds patience) const override { endings_.await(patience); }

    std::map<std::string, std::uint64_t> drops() const override { return read_drops(*tables_); }
    std::uint64_t live_connections() const override { return read_live(*tables_); }
    void each_connection(const std::function<bool(const Connection&)>& visit) const override {
        read_connections(*tables_, visit);
    }
    bool is_down(policy::Id binding) const override {
        return (tables_->bindings[binding].flags & abi::ABI_BINDING_DOWN) != 0;
    }
    BindingCounts counts(policy::Id binding) const override { return read_counts(*tables_, binding); }
    std::vector<RingUse> ring_use(const std::vector<policy::Id>& rings) const override {
        return read_ring_use(*tables_, rings);
    }
    std::uint32_t link_of(const abi::abi_hop& hop) const override { return surroundings_.link_of(hop); }

    Result<abi::abi_decision> explain(const Question& question) const override {
        auto dry_run = load_object(maps_folder(folder_), max_connections(), Purpose::dry_run);
        if (!dry_run) {
            return std::unexpected(dry_run.error());
        }
        return ask(*dry_run, question, surroundings_.mac(question.link));
    }

    [[nodiscard]] const Skeleton& skeleton() const { return skeleton_; }

  private:
    fs::path folder_;
    Descriptor lock_; // of the folder: one writer
    Skeleton skeleton_;
    std::unique_ptr<KernelTables> tables_;
    Installer installer_;
    Surroundings surroundings_;
    Endings endings_;
    Hooks hooks_;
};

// Loaded when the first interface asks for it, and kept: links need it at every start.
std::function<Result<int>()> jumbo_loader(fs::path maps, std::uint32_t max_connections) {
    return [maps = std::move(maps), max_connections, loaded = std::make_shared<Skeleton>()]() -> Result<int> {
        if (!*loaded) {
            auto skeleton = load_object(maps, max_connections, Purpose::jumbo);
            if (!skeleton) {
                return std::unexpected(skeleton.error());
            }
            *loaded = std::move(*skeleton);
        }
        return bpf_program__fd((*loaded)->progs.proxip_xdp);
    };
}

Result<void> begin_control(KernelTables& tables, std::uint32_t max_connections) {
    auto seed = random_seed();
    if (!seed) {
        return std::unexpected(seed.error());
    }
    auto& control = tables.control[0];
    control.hash_seed = *seed;
    control.max_connections = max_connections;
    return {};
}

} // namespace

Result<std::unique_ptr<Dataplane>> open_kernel(const fs::path& folder, std::uint32_t max_connections) {
    route_libbpf_log();
    if (auto made = make_folder(folder); !made) {
        return std::unexpected(made.error());
    }
    auto lock = lock_folder(folder);
    if (!lock) {
        return std::unexpected(lock.error());
    }
    auto control = pinned_control(folder);
    if (!control) {
        return std::unexpected(control.error());
    }
    const bool adopted = control->has_value();
    if (adopted) {
        max_connections = static_cast<std::uint32_t>((*control)->max_connections);
    } else if (auto removed = remove_pins(folder); !removed) { // what an unfinished start left
        return std::unexpected(removed.error());
    } else if (auto made = make_folder(folder); !made) {
        return std::unexpected(made.error());
    }
    auto skeleton = load_object(maps_folder(folder), max_connections, Purpose::live);
    if (!skeleton) {
        return std::unexpected(skeleton.error());
    }
    auto tables = KernelTables::open(*skeleton, max_connections);
    if (!tables) {
        return std::unexpected(tables.error());
    }
    auto kept = std::make_unique<KernelTables>(std::move(*tables));
    if (!adopted) {
        if (auto begun = begin_control(*kept, max_connections); !begun) {
            return std::unexpected(begun.error());
        }
    }
    if (auto armed = arm_timer(*skeleton); !armed) {
        return std::unexpected(armed.error());
    }
    kept->control[0].abi_version = abi::ABI_VERSION; // last: from here on it can be adopted
    auto hooks = Hooks::adopt(links_folder(folder), {.xdp = bpf_program__fd((*skeleton)->progs.proxip_xdp),
                                                     .tc = bpf_program__fd((*skeleton)->progs.proxip_tc),
                                                     .jumbo_xdp = jumbo_loader(maps_folder(folder), max_connections)});
    if (!hooks) {
        return std::unexpected(hooks.error());
    }
    auto out = std::make_unique<KernelDataplane>(folder, std::move(*lock), std::move(*skeleton), std::move(kept),
                                                 std::move(*hooks));
    if (auto done = out->adopt(); !done) {
        return std::unexpected(done.error());
    }
    return out;
}

Result<void> remove_kernel(const fs::path& folder) {
    std::error_code error;
    if (!fs::exists(folder, error)) {
        return {};
    }
    auto lock = lock_folder(folder);
    if (!lock) {
        return std::unexpected(lock.error());
    }
    if (auto removed = remove_pins(folder); !removed) {
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
