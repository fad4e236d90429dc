#include "dataplane/hooks.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "dataplane/clsact.hpp"

namespace proxip::dataplane {

namespace {

// First in the chain, under a handle of our own: what is not marked goes on to the filters behind it.
constexpr std::uint32_t filter_handle = 0x70726f78;
constexpr std::uint32_t filter_priority = 1;

constexpr std::string_view jumbo_suffix = "_jumbo"; // of a pin whose link runs the jumbo program
constexpr int ethernet_mtu = 1500;

std::string name_of(std::uint32_t index) {
    std::array<char, IF_NAMESIZE> name{};
    return if_indextoname(index, name.data()) != nullptr ? name.data() : fmt::format("interface {}", index);
}

int mtu_of(std::uint32_t index) {
    const Descriptor any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    name_of(index).copy(request.ifr_name, IF_NAMESIZE - 1);
    return any && ::ioctl(any.get(), SIOCGIFMTU, &request) == 0 ? request.ifr_mtu : 0;
}

std::uint32_t flags_of(XdpMode mode) {
    return mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

// Which program has the hook, as "name (id N)"; empty when none does.
std::string holder_of(std::uint32_t index) {
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    if (bpf_xdp_query(static_cast<int>(index), 0, &query) != 0) {
        return {};
    }
    const std::uint32_t id = query.prog_id != 0       ? query.prog_id
                             : query.drv_prog_id != 0 ? query.drv_prog_id
                                                      : query.skb_prog_id;
    if (id == 0) {
        return {};
    }
    const Descriptor program(bpf_prog_get_fd_by_id(id));
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) {
        return fmt::format("a program (id {})", id);
    }
    return fmt::format("\"{}\" (id {})", info.name, id);
}

Result<Descriptor> attach_xdp(std::uint32_t index, int program, XdpMode mode) {
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags_of(mode));
    Descriptor link(bpf_link_create(program, static_cast<int>(index), BPF_XDP, &options));
    if (!link) {
        return fail_errno(fmt::format("{}: cannot attach XDP in {} mode", name_of(index),
                                      mode == XdpMode::generic ? "generic" : "native"),
                          errno);
    }
    return link;
}

Result<void> attach_filter(std::uint32_t index, int program) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(index), .attach_point = BPF_TC_INGRESS);
    if (const int error = has_clsact(index) ? 0 : bpf_tc_hook_create(&hook); error != 0) {
        return fail_errno(fmt::format("{}: cannot make the clsact hook", name_of(index)), -error);
    }
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .flags = BPF_TC_F_REPLACE, .handle = filter_handle,
                .priority = filter_priority);
    if (const int error = bpf_tc_attach(&hook, &options); error != 0) {
        return fail_errno(fmt::format("{}: cannot attach the clsact program", name_of(index)), -error);
    }
    return {};
}

// The hook goes with the last filter on it; another's filters keep it.
void detach_filter(std::uint32_t index) {
    if (!has_clsact(index)) {
        return;
    }
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(index), .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = filter_handle, .priority = filter_priority);
    (void)bpf_tc_detach(&hook, &options);
    if (!has_clsact_filters(index)) {
        hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
        (void)bpf_tc_hook_destroy(&hook);
    }
}

std::optional<std::uint32_t> interface_of(const Descriptor& link) {
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0 || info.type != BPF_LINK_TYPE_XDP ||
        info.xdp.ifindex == 0) {
        return std::nullopt;
    }
    return info.xdp.ifindex;
}

XdpMode mode_of(std::uint32_t index) {
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    const bool generic =
        bpf_xdp_query(static_cast<int>(index), 0, &query) == 0 && query.attach_mode == XDP_ATTACHED_SKB;
    return generic ? XdpMode::generic : XdpMode::native;
}

void each_pin(const std::filesystem::path& folder, const std::function<void(const std::filesystem::path&)>& visit) {
    std::error_code error;
    std::vector<std::filesystem::path> pins;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        pins.push_back(entry.path());
    }
    for (const auto& pin : pins) {
        visit(pin);
    }
}

} // namespace

std::filesystem::path Hooks::pin_of(std::uint32_t index, bool jumbo) const {
    return folder_ / fmt::format("xdp_{}{}", index, jumbo ? jumbo_suffix : "");
}

Result<Hooks> Hooks::adopt(const std::filesystem::path& folder, HookPrograms programs) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
        return fail_errno(fmt::format("cannot make {}", folder.string()), error.value());
    }
    Hooks hooks(folder, std::move(programs));
    each_pin(folder, [&](const auto& pin) { hooks.adopt(pin); });
    return hooks;
}

void Hooks::adopt(const std::filesystem::path& pin) {
    Descriptor link(bpf_obj_get(pin.c_str()));
    const auto index = link ? interface_of(link) : std::nullopt;
    if (!index) {
        spdlog::warn("{}: its interface is gone", pin.string());
        std::error_code error;
        std::filesystem::remove(pin, error);
        return;
    }
    const bool jumbo = pin.filename().string().ends_with(jumbo_suffix);
    held_[*index] = {.link = std::move(link), .mode = mode_of(*index), .jumbo = jumbo};
}

Result<void> Hooks::take_over() {
    Result<void> all;
    for (const auto& [index, held] : held_) {
        if (auto done = take_over(index, held); !done) {
            spdlog::error("{}", done.error().text());
            all = std::move(done);
        }
    }
    return all;
}

Result<void> Hooks::take_over(std::uint32_t index, const Held& held) const {
    // First: a frame that the new XDP program marks must be understood.
    if (auto filter = attach_filter(index, programs_.tc); !filter) {
        return filter;
    }
    return update(index, held);
}

Result<XdpMode> Hooks::attach(std::uint32_t index, XdpMode mode) {
    if (auto known = held_.find(index); known != held_.end()) {
        const XdpMode former = known->second.mode;
        if (mode == XdpMode::automatic || mode == former) {
            return former;
        }
        detach(index);
        auto changed = attach_free(index, mode);
        if (!changed) {
            (void)attach_free(index, former);
        }
        return changed;
    }
    if (const std::string holder = holder_of(index); !holder.empty()) {
        return fail(
            ErrorCode::refused,
            fmt::format("{}: its XDP hook is held by the program {}; expected a free hook (ip link set dev {} xdp "
                        "off)",
                        name_of(index), holder, name_of(index)),
            "agent.interfaces");
    }
    return attach_free(index, mode);
}

Result<Hooks::Held> Hooks::attach_generic(std::uint32_t index) const {
    const auto program = program_for(false);
    auto link = program ? attach_xdp(index, *program, XdpMode::generic) : std::unexpected(program.error());
    if (!link) {
        return std::unexpected(link.error());
    }
    return Held{.link = std::move(*link), .mode = XdpMode::generic, .jumbo = false};
}

// A driver refuses a program that sees only the first page where frames may be larger.
Result<Hooks::Held> Hooks::attach_native(std::uint32_t index) const {
    const auto ordinary = program_for(false);
    auto link = ordinary ? attach_xdp(index, *ordinary, XdpMode::native) : std::unexpected(ordinary.error());
    if (link) {
        return Held{.link = std::move(*link), .mode = XdpMode::native, .jumbo = false};
    }
    if (mtu_of(index) <= ethernet_mtu) {
        return std::unexpected(link.error());
    }
    const auto program = program_for(true);
    if (!program) {
        return std::unexpected(program.error());
    }
    auto jumbo = attach_xdp(index, *program, XdpMode::native);
    if (!jumbo) {
        return std::unexpected(link.error());
    }
    return Held{.link = std::move(*jumbo), .mode = XdpMode::native, .jumbo = true};
}

Result<void> Hooks::pin(std::uint32_t index, const Held& held) const {
    std::error_code error;
    for (const bool jumbo : {false, true}) { // of an interface that had this number before
        std::filesystem::remove(pin_of(index, jumbo), error);
    }
    const auto place = pin_of(index, held.jumbo);
    if (bpf_obj_pin(held.link.get(), place.c_str()) != 0) {
        return fail_errno(fmt::format("cannot pin {}", place.string()), errno);
    }
    return {};
}

Result<XdpMode> Hooks::attach_free(std::uint32_t index, XdpMode mode) {
    // The filter first: a frame that XDP marks must never meet an interface that does not read marks.
    if (auto filter = attach_filter(index, programs_.tc); !filter) {
        return std::unexpected(filter.error());
    }
    auto held = mode == XdpMode::generic ? attach_generic(index) : attach_native(index);
    if (!held && mode == XdpMode::automatic) {
        spdlog::info("{}; generic mode instead", held.error().message);
        held = attach_generic(index);
    }
    if (!held) {
        detach_filter(index);
        return std::unexpected(held.error());
    }
    if (auto pinned = pin(index, *held); !pinned) {
        (void)bpf_link_detach(held->link.get());
        detach_filter(index);
        return std::unexpected(pinned.error());
    }
    const XdpMode used = held->mode;
    held_[index] = std::move(*held);
    return used;
}

void Hooks::detach(std::uint32_t index) {
    std::error_code error;
    for (const bool jumbo : {false, true}) {
        std::filesystem::remove(pin_of(index, jumbo), error);
    }
    if (auto known = held_.find(index); known != held_.end()) {
        (void)bpf_link_detach(known->second.link.get());
        held_.erase(known);
    }
    detach_filter(index);
}

std::vector<Attachment> Hooks::attachments() const {
    std::vector<Attachment> out;
    for (const auto& [index, held] : held_) {
        out.push_back({.index = index, .mode = held.mode});
    }
    return out;
}

bool Hooks::any_jumbo() const {
    return std::ranges::any_of(held_, [](const auto& entry) { return entry.second.jumbo; });
}

Result<int> Hooks::program_for(bool jumbo) const {
    const int diverted = jumbo ? diverted_jumbo_ : diverted_xdp_;
    if (diverted >= 0) {
        return diverted;
    }
    return jumbo ? programs_.jumbo_xdp() : Result<int>(programs_.xdp);
}

Result<void> Hooks::update(std::uint32_t index, const Held& held) const {
    const auto program = program_for(held.jumbo);
    if (!program) {
        return std::unexpected(program.error());
    }
    if (bpf_link_update(held.link.get(), *program, nullptr) != 0) {
        return fail_errno(fmt::format("{}: its program cannot be replaced", name_of(index)), errno);
    }
    return {};
}

Result<void> Hooks::divert(int xdp, int jumbo_xdp) {
    diverted_xdp_ = xdp;
    diverted_jumbo_ = jumbo_xdp;
    for (const auto& [index, held] : held_) {
        if (auto done = update(index, held); !done) {
            restore();
            return done;
        }
    }
    return {};
}

void Hooks::restore() {
    diverted_xdp_ = -1;
    diverted_jumbo_ = -1;
    for (const auto& [index, held] : held_) {
        if (auto done = update(index, held); !done) { // its interface is gone
            spdlog::warn("{}", done.error().text());
        }
    }
}

bool has_hooks(const std::filesystem::path& folder) {
    std::error_code error;
    return std::filesystem::directory_iterator(folder, error) != std::filesystem::directory_iterator();
}

void remove_hooks(const std::filesystem::path& folder) {
    each_pin(folder, [](const auto& pin) {
        const Descriptor link(bpf_obj_get(pin.c_str()));
        if (link) {
            const auto index = interface_of(link);
            (void)bpf_link_detach(link.get()); // first: a marked frame must never meet an interface that reads no marks
            if (index) {
                detach_filter(*index);
            }
        }
        std::error_code error;
        std::filesystem::remove(pin, error);
    });
}

} // namespace proxip::dataplane
