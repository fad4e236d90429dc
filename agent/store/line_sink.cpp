#include "store/line_sink.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace proxip::store {

namespace {

bool is_socket_file(const std::string& path) {
    struct stat about{};
    return ::stat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode);
}

Result<Descriptor> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return fail(ErrorCode::invalid, "a socket's path must be shorter");
    }
    path.copy(static_cast<char*>(address.sun_path), path.size());
    Descriptor out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!out.valid() || ::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return fail_errno("connect", errno);
    }
    return out;
}

// Not O_NONBLOCK alone: a FIFO without a reader must not hold the agent either, and is refused by ENXIO.
Result<Descriptor> append_to(const std::string& path) {
    Descriptor out(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, file_mode));
    if (!out.valid()) {
        return fail_errno("open for writing", errno);
    }
    return out;
}

} // namespace

Result<Descriptor> LineSink::open() const {
    return is_socket_ ? connect_to(path_) : append_to(path_);
}

void LineSink::follow(const std::string& path) {
    if (path == path_) {
        return;
    }
    path_ = path;
    trouble_.clear();
    out_ = {};
    if (wanted()) {
        reopen();
    }
}

void LineSink::reopen() {
    if (!wanted()) {
        return;
    }
    rest_.clear();
    is_socket_ = is_socket_file(path_);
    auto opened = open();
    if (opened) {
        out_ = std::move(*opened);
        trouble_.clear();
    } else {
        out_ = {};
        trouble_ = std::move(opened.error()).within(path_).text();
    }
}

void LineSink::tick() {
    if (!wanted()) {
        return;
    }
    struct stat there{};
    struct stat ours{};
    const bool renamed =
        !is_socket_ && out_.valid() && ::fstat(out_.get(), &ours) == 0 &&
        (::stat(path_.c_str(), &there) != 0 || there.st_ino != ours.st_ino || there.st_dev != ours.st_dev);
    if (!out_.valid() || renamed) {
        reopen();
    }
}

void LineSink::fall_out(const std::string& why, std::uint64_t lines) {
    lost_ += lines;
    trouble_ = path_ + ": " + why;
    if (is_socket_) {
        out_ = {};
        rest_.clear();
    }
}

void LineSink::write(const std::string& lines, std::uint64_t count) {
    if (!wanted()) {
        return;
    }
    if (!out_.valid()) {
        lost_ += count;
        return;
    }
    std::string all = std::move(rest_);
    rest_.clear();
    const bool had_rest = !all.empty();
    all += lines;
    std::size_t done = 0;
    while (done < all.size()) {
        const ssize_t written = is_socket_ ? ::send(out_.get(), all.data() + done, all.size() - done, MSG_NOSIGNAL)
                                           : ::write(out_.get(), all.data() + done, all.size() - done);
        if (written >= 0) {
            done += static_cast<std::size_t>(written);
        } else if (errno != EINTR) {
            break;
        }
    }
    if (done == all.size()) {
        trouble_.clear();
        return;
    }
    const int error = errno;
    if (error != EAGAIN) {
        fall_out(std::strerror(error), count); // NOLINT(concurrency-mt-unsafe)
        return;
    }
    // A reader that is slow: the line that it has half of is finished first, and the others are lost.
    const bool begun = done > 0 ? all[done - 1] != '\n' : had_rest;
    const std::size_t keep = begun ? std::min(all.find('\n', done), all.size() - 1) + 1 - done : 0;
    rest_ = all.substr(done, keep);
    std::uint64_t gone = 0;
    for (std::size_t i = done + keep; i < all.size(); ++i) {
        gone += all[i] == '\n' ? 1 : 0;
    }
    lost_ += gone;
    trouble_ = path_ + ": its reader is too slow";
}

} // namespace proxip::store
