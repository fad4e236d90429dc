#include "serve/unix_listener.hpp"

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "api/unix_address.hpp"

namespace proxip::serve {
namespace {

using api::Descriptor;
namespace fs = std::filesystem;

constexpr mode_t socket_mode = 0660;
constexpr fs::perms folder_mode{0755};

std::string what(std::string_view verb, const fs::path& path) {
    return fmt::format("{} {}", verb, path.string());
}

// An umask of 077 would shut the group out of the folders: the mode is set, not asked for.
Result<void> make_folders(const fs::path& folder) {
    std::error_code error;
    if (folder.empty() || fs::is_directory(folder, error)) {
        return {};
    }
    if (auto parent = make_folders(folder.parent_path()); !parent) {
        return parent;
    }
    if (!fs::create_directory(folder, error)) {
        return error ? fail_errno(what("mkdir", folder), error.value()) : Result<void>{};
    }
    fs::permissions(folder, folder_mode, error);
    return error ? fail_errno(what("chmod", folder), error.value()) : Result<void>{};
}

// Two agents that find the same stale socket must not both replace it: one at a time in the folder.
Result<Descriptor> lock_folder(const fs::path& folder) {
    constexpr int tries = 100;
    constexpr std::chrono::milliseconds pause{20};
    Descriptor lock(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock) {
        return fail_errno(what("open", folder), errno);
    }
    for (int i = 0; ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0; ++i) {
        if (errno != EWOULDBLOCK || i == tries) {
            return fail_errno(what("lock", folder), errno);
        }
        std::this_thread::sleep_for(pause);
    }
    return lock;
}

bool somebody_answers(const sockaddr_un& address) {
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    // EAGAIN is a full backlog: somebody is there, however busy. Only a refused connection proves that nobody listens.
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
           errno != ECONNREFUSED;
}

Result<void> remove_stale(const sockaddr_un& address, const fs::path& path) {
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0) {
        return errno == ENOENT ? Result<void>{} : fail_errno(what("stat", path), errno);
    }
    if (!S_ISSOCK(found.st_mode)) {
        return fail(ErrorCode::refused, "what stands here is not a socket: it is left alone", path.string());
    }
    if (somebody_answers(address)) {
        return fail(ErrorCode::refused, "another agent answers here", path.string());
    }
    return ::unlink(path.c_str()) == 0 ? Result<void>{} : fail_errno(what("unlink", path), errno);
}

Result<Descriptor> bind_and_listen(const sockaddr_un& address, const fs::path& path) {
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) {
        return fail_errno("socket", errno);
    }
    // bind() makes the file with the descriptor's mode less the umask: so it is never open to others, not for a moment.
    if (::fchmod(socket.get(), socket_mode) != 0) {
        return fail_errno("fchmod", errno);
    }
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        return fail_errno(what("bind", path), errno);
    }
    if (::chmod(path.c_str(), socket_mode) != 0) { // the umask may have taken the group's bits
        return fail_errno(what("chmod", path), errno);
    }
    if (::listen(socket.get(), SOMAXCONN) != 0) {
        return fail_errno(what("listen", path), errno);
    }
    return socket;
}

} // namespace

Result<UnixListener> UnixListener::open(const fs::path& path) {
    const auto address = api::unix_address(path);
    if (!address) {
        return std::unexpected(address.error());
    }
    const auto folder = path.parent_path();
    if (auto made = make_folders(folder); !made) {
        return std::unexpected(std::move(made.error()));
    }
    const auto lock = lock_folder(folder);
    if (!lock) {
        return std::unexpected(lock.error());
    }
    if (auto removed = remove_stale(*address, path); !removed) {
        return std::unexpected(std::move(removed.error()));
    }
    auto socket = bind_and_listen(*address, path);
    if (!socket) {
        return std::unexpected(std::move(socket.error()));
    }
    UnixListener listener(std::move(*socket), path);
    struct stat made{};
    if (::lstat(path.c_str(), &made) != 0) {
        return fail_errno(what("stat", path), errno);
    }
    listener.device_ = made.st_dev;
    listener.inode_ = made.st_ino;
    return listener;
}

void UnixListener::remove() const {
    struct stat found{};
    if (::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_) {
        ::unlink(path_.c_str());
    }
}

} // namespace proxip::serve
