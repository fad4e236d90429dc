#include "dataplane/pins.hpp"

#include <cerrno>
#include <system_error>
#include <vector>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/vfs.h>

#include "dataplane/hooks.hpp"
#include "dataplane/tables.hpp"

namespace proxip::dataplane {

namespace fs = std::filesystem;

Result<void> Pins::make() const {
    std::error_code error;
    fs::create_directories(maps(), error);
    struct statfs where{};
    if (error) {
        return fail_errno(fmt::format("cannot make {}", folder_.string()), error.value());
    }
    if (::statfs(folder_.c_str(), &where) != 0 || where.f_type != BPF_FS_MAGIC) {
        return fail(ErrorCode::refused,
                    fmt::format("{} is not on a bpffs; expected one (mount -t bpf bpf {})", folder_.string(),
                                folder_.parent_path().string()),
                    "--bpffs");
    }
    return {};
}

Result<Descriptor> Pins::lock() const {
    Descriptor lock(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock) {
        return fail_errno(fmt::format("cannot open {}", folder_.string()), errno);
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return fail(ErrorCode::refused, fmt::format("another agent runs the data plane in {}", folder_.string()),
                    "--bpffs");
    }
    return lock;
}

Result<std::optional<abi::abi_control>> Pins::control() const {
    const Descriptor map(bpf_obj_get((maps() / "control").c_str()));
    if (!map && errno == ENOENT) {
        return std::optional<abi::abi_control>();
    }
    if (!map) { // not known is not none: what runs there must not be taken for remains
        return fail_errno(fmt::format("cannot open what is pinned in {}", folder_.string()), errno);
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
                        folder_.string(), control ? control->abi_version : 0, int{abi::ABI_VERSION}));
    }
    // Version 0: made, but never finished, by an agent that was killed.
    return control->abi_version == 0 ? std::optional<abi::abi_control>() : control;
}

std::optional<std::uint32_t> Pins::nat_buffer() const {
    const Descriptor map(bpf_obj_get((maps() / "nat_events").c_str()));
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0) {
        return std::nullopt;
    }
    return info.max_entries;
}

Result<void> Pins::remove() const {
    // First: what is left when this is interrupted must not be adopted.
    if (const Descriptor map(bpf_obj_get((maps() / "control").c_str())); map) {
        if (auto control = read_element<abi::abi_control>(map.get(), 0)) {
            const std::uint32_t key = 0;
            control->abi_version = 0;
            (void)bpf_map_update_elem(map.get(), &key, &*control, BPF_ANY);
        }
    }
    remove_hooks(links());
    std::error_code error;
    for (const fs::path& part : {maps(), links()}) {
        fs::remove_all(part, error);
        if (error) {
            return fail_errno(fmt::format("cannot remove {}", part.string()), error.value());
        }
    }
    return remove_stages();
}

Result<void> Pins::stage() {
    std::error_code error;
    while (fs::exists(staged(), error)) {
        ++stage_;
    }
    fs::create_directory(staged(), error);
    if (error) {
        return fail_errno(fmt::format("cannot make {}", staged().string()), error.value());
    }
    return {};
}

Result<void> Pins::remove_stages() const {
    std::error_code error;
    std::vector<fs::path> stages;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        if (entry.path().filename().string().starts_with("next_")) {
            stages.push_back(entry.path());
        }
    }
    for (const fs::path& stage : stages) {
        if (!error) {
            fs::remove_all(stage, error);
        }
    }
    if (error) {
        return fail_errno(fmt::format("cannot remove what a migration left in {}", folder_.string()), error.value());
    }
    return {};
}

Result<void> Pins::commit() const {
    std::error_code error;
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(staged(), error)) {
        if (entry.path().filename() != "control") {
            names.push_back(entry.path().filename());
        }
    }
    names.emplace_back("control");
    for (const std::string& name : names) {
        if (!error) {
            fs::rename(staged() / name, maps() / name, error);
        }
    }
    if (error) {
        return fail_errno(fmt::format("cannot move the tables of {}", staged().string()), error.value());
    }
    return remove_stages();
}

} // namespace proxip::dataplane
