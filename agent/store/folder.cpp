#include "store/folder.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <tuple>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace proxip::store {

namespace {

constexpr const char* lock_name = "lock";

Result<void> write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return fail_errno("write", errno);
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<std::string> read_all(int file) {
    std::string text;
    std::array<char, 65536> piece{};
    for (;;) {
        const ssize_t got = ::read(file, piece.data(), piece.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_errno("read", errno);
        }
        if (got == 0) {
            return text;
        }
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
}

// What root makes in the folder of a service's user (lbagent --detach by hand) must not shut that user out.
Result<void> give_to_owner(int folder, int file) {
    struct stat owner{};
    struct stat made{};
    if (::fstat(folder, &owner) != 0 || ::fstat(file, &made) != 0) {
        return fail_errno("stat", errno);
    }
    const bool given =
        owner.st_uid == made.st_uid || ::geteuid() != 0 || ::fchown(file, owner.st_uid, owner.st_gid) == 0;
    return given ? Result<void>() : fail_errno("give it to the folder's owner", errno);
}

Result<void> make(const std::filesystem::path& path) {
    std::error_code error;
    if (const auto parent = path.parent_path(); !parent.empty()) {
        std::filesystem::create_directories(parent, error);
        if (error) {
            return fail_errno("make the folder", error.value());
        }
    }
    if (::mkdir(path.c_str(), folder_mode) != 0 && errno != EEXIST) {
        return fail_errno("make the folder", errno);
    }
    return {};
}

std::unexpected<Error> held_by_another(int lock) {
    std::string holder = read_all(lock).value_or("");
    while (!holder.empty() && holder.back() == '\n') {
        holder.pop_back();
    }
    return fail(ErrorCode::refused,
                fmt::format("the state folder is held by another agent, pid {}", holder.empty() ? "unknown" : holder));
}

Result<Descriptor> take_lock(int folder) {
    Descriptor lock(::openat(folder, lock_name, O_RDWR | O_CREAT | O_CLOEXEC, file_mode));
    if (!lock.valid()) {
        return fail_errno("open the lock file", errno);
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return held_by_another(lock.get());
        }
        return fail_errno("lock", errno);
    }
    if (auto given = give_to_owner(folder, lock.get()); !given) {
        return std::unexpected(std::move(given.error()));
    }
    // The pid is only for the one who is refused: a disk that is full must not keep the agent from reading its state.
    if (::ftruncate(lock.get(), 0) == 0) {
        std::ignore = write_all(lock.get(), fmt::format("{}\n", ::getpid()));
    }
    return lock;
}

Result<void> write_file(int folder, const std::string& name, std::string_view text) {
    const Descriptor file(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, file_mode));
    if (!file.valid()) {
        return fail_errno("open for writing", errno);
    }
    if (::fchmod(file.get(), file_mode) != 0) {
        return fail_errno("set the mode", errno);
    }
    if (auto given = give_to_owner(folder, file.get()); !given) {
        return given;
    }
    if (auto written = write_all(file.get(), text); !written) {
        return written;
    }
    if (::fsync(file.get()) != 0) {
        return fail_errno("fsync", errno);
    }
    return {};
}

} // namespace

Descriptor::~Descriptor() {
    if (number_ >= 0) {
        ::close(number_);
    }
}

Result<Folder> Folder::own(const std::filesystem::path& path) {
    if (auto made = make(path); !made) {
        return std::unexpected(std::move(made.error()).within(path.string()));
    }
    Descriptor handle(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!handle.valid()) {
        return std::unexpected(std::move(fail_errno("open the folder", errno).error()).within(path.string()));
    }
    auto lock = take_lock(handle.get());
    if (!lock) {
        return std::unexpected(std::move(lock.error()).within(path.string()));
    }
    return Folder(path, std::move(handle), std::move(*lock));
}

Result<std::optional<std::string>> Folder::read(const std::string& name) const {
    const Descriptor file(::openat(handle_.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) {
        if (errno == ENOENT) {
            return std::optional<std::string>{};
        }
        return std::unexpected(std::move(fail_errno("open", errno).error()).within(path_of(name)));
    }
    auto text = read_all(file.get());
    if (!text) {
        return std::unexpected(std::move(text.error()).within(path_of(name)));
    }
    return std::optional<std::string>(std::move(*text));
}

Result<void> Folder::replace(const std::string& name, std::string_view text) const {
    const std::string temporary = name + ".tmp";
    if (auto written = write_file(handle_.get(), temporary, text); !written) {
        remove(temporary);
        return std::unexpected(std::move(written.error()).within(path_of(temporary)));
    }
    return rename(temporary, name);
}

Result<void> Folder::rename(const std::string& from, const std::string& to) const {
    if (::renameat(handle_.get(), from.c_str(), handle_.get(), to.c_str()) != 0) {
        return std::unexpected(
            std::move(fail_errno(fmt::format("rename to {}", to), errno).error()).within(path_of(from)));
    }
    return sync();
}

void Folder::remove(const std::string& name) const {
    static_cast<void>(::unlinkat(handle_.get(), name.c_str(), 0));
}

Result<void> Folder::sync() const {
    if (::fsync(handle_.get()) != 0) {
        return std::unexpected(std::move(fail_errno("fsync the folder", errno).error()).within(path_.string()));
    }
    return {};
}

} // namespace proxip::store
