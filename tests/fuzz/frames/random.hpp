#pragma once

// Random numbers whose state is one word: each frame begins a sequence of its own, so that a replay can begin anywhere.

#include <array>
#include <cstddef>
#include <cstdint>

namespace proxip::fuzz {

class Random { // splitmix64
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    Random(std::uint64_t seed, std::uint64_t number) : state_(seed) { state_ = next() + number * odd; }

    std::uint64_t next() {
        std::uint64_t z = state_ += odd;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    template <typename T = std::uint32_t>
    T below(std::size_t count) { // 0 .. count-1
        return static_cast<T>(next() % count);
    }
    bool one_in(std::size_t count) { return below(count) == 0; }
    template <typename T = std::uint16_t>
    T any() {
        return static_cast<T>(next());
    }
    template <typename T, std::size_t size>
    T of(const T (&list)[size]) { // NOLINT(cppcoreguidelines-avoid-c-arrays): a list in braces
        return list[below(size)];
    }

  private:
    static constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;

    std::uint64_t state_;
};

} // namespace proxip::fuzz
