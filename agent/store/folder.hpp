#pragma once

// One folder on disk, with one owner, in which a file is either its old text or its new one, whatever happens in
// between.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

#include "model/result.hpp"

namespace proxip::store {

inline constexpr mode_t folder_mode = 0750;
inline constexpr mode_t file_mode = 0640;

class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor();

    [[nodiscard]] int get() const { return number_; }
    [[nodiscard]] bool valid() const { return number_ >= 0; }

  private:
    int number_ = -1;
};

class Folder {
  public:
    // Makes it (0750) when it is missing. Refused when another process holds it, with that one's pid.
    [[nodiscard]] static Result<Folder> own(const std::filesystem::path& path);

    // None: there is no such file.
    [[nodiscard]] Result<std::optional<std::string>> read(const std::string& name) const;
    // Mode 0640. The text is on the disk when this returns well, and the old one still is when it does not.
    [[nodiscard]] Result<void> replace(const std::string& name, std::string_view text) const;
    [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) const;
    void
    remove(const std::string& name) const; // as far as it goes: a file that stays is overwritten by the next replace()

    [[nodiscard]] std::string path_of(const std::string& name) const { return (path_ / name).string(); }

  private:
    Folder(std::filesystem::path path, Descriptor handle, Descriptor lock)
        : path_(std::move(path)), handle_(std::move(handle)), lock_(std::move(lock)) {}
    [[nodiscard]] Result<void> sync() const;

    std::filesystem::path path_;
    Descriptor handle_;
    Descriptor lock_; // held for as long as this lives; the kernel lets go of it when the process dies
};

} // namespace proxip::store
