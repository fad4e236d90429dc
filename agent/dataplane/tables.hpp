#pragma once

// Typed access to maps. Keys are dense ids; values are the ABI's structs, whose size is checked when the map is opened.

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/result.hpp"

namespace proxip::dataplane {

[[nodiscard]] std::size_t page_rounded(std::size_t bytes);

// An array that both sides see: reads and writes are memory accesses. Aligned stores of up to eight bytes are atomic.
template <typename T>
class MappedArray {
  public:
    MappedArray() = default;
    MappedArray(MappedArray&& other) noexcept
        : base_(std::exchange(other.base_, nullptr)), entries_(std::exchange(other.entries_, 0)) {}
    MappedArray& operator=(MappedArray&& other) noexcept {
        std::swap(base_, other.base_);
        std::swap(entries_, other.entries_);
        return *this;
    }
    MappedArray(const MappedArray&) = delete;
    MappedArray& operator=(const MappedArray&) = delete;
    ~MappedArray() {
        if (base_ != nullptr) {
            ::munmap(base_, page_rounded(entries_ * stride));
        }
    }

    [[nodiscard]] static Result<MappedArray> map(int fd, std::size_t entries) {
        void* base = ::mmap(nullptr, page_rounded(entries * stride), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (base == MAP_FAILED) {
            return fail_errno("cannot map a BPF array", errno);
        }
        MappedArray out;
        out.base_ = static_cast<std::byte*>(base);
        out.entries_ = entries;
        return out;
    }

    [[nodiscard]] T& operator[](std::size_t index) const { return *reinterpret_cast<T*>(base_ + index * stride); }
    [[nodiscard]] std::size_t size() const { return entries_; }

  private:
    static constexpr std::size_t stride = (sizeof(T) + 7) & ~std::size_t{7}; // as the kernel lays arrays out

    std::byte* base_ = nullptr;
    std::size_t entries_ = 0;
};

// Eight bytes at once, whatever they are: the data plane never sees half of them.
template <typename T>
void store_whole(void* place, const T& value) {
    static_assert(sizeof(T) == 8);
    using Word [[gnu::may_alias]] = std::uint64_t;
    __atomic_store_n(static_cast<Word*>(place), std::bit_cast<std::uint64_t>(value), __ATOMIC_SEQ_CST);
}

template <typename T>
[[nodiscard]] std::optional<T> read_element(int fd, std::uint32_t key) {
    T value{};
    if (bpf_map_lookup_elem(fd, &key, &value) != 0) {
        return std::nullopt;
    }
    return value;
}

// Per-CPU values, in the CPUs' order; the kernel rounds each up to eight bytes.
template <typename T>
[[nodiscard]] std::vector<T> read_per_cpu(int fd, std::uint32_t key, std::size_t cpus) {
    static_assert(sizeof(T) % 8 == 0);
    std::vector<T> values(cpus);
    if (bpf_map_lookup_elem(fd, &key, values.data()) != 0) {
        return {};
    }
    return values;
}

} // namespace proxip::dataplane
