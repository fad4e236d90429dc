#pragma once

// A listening Unix socket in the file system: mode 0660 from the first moment, a stale one replaced, a live one
// refused.

#include <filesystem>

#include <sys/types.h>

#include "api/descriptor.hpp"
#include "model/result.hpp"

namespace proxip::serve {

class UnixListener {
  public:
    // Makes missing parent folders (0755). Errors: invalid (the path is too long), refused (another agent answers
    // there, or what stands there is not a socket), failed (the system said no).
    [[nodiscard]] static Result<UnixListener> open(const std::filesystem::path& path);

    // The descriptor, non-blocking; the caller owns it.
    [[nodiscard]] int release() { return socket_.release(); }
    // Takes the socket out of the file system, if what stands there is still this one.
    void remove() const;

  private:
    UnixListener(api::Descriptor socket, std::filesystem::path path)
        : socket_(std::move(socket)), path_(std::move(path)) {}

    api::Descriptor socket_;
    std::filesystem::path path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

} // namespace proxip::serve
