#pragma once

// Numbers for people; JSON keeps them exact.

#include <cstdint>
#include <string>

namespace proxip::cli {

[[nodiscard]] std::string human_count(std::uint64_t value); // 9999, 12.3k, 4.5M
[[nodiscard]] std::string human_rate(double value);         // 0, 0.3, 12, 1.5k, 2.3G
[[nodiscard]] std::string human_bytes(std::uint64_t value); // 999 B, 1.5 KiB, 256 MiB
[[nodiscard]] std::string human_seconds(double value);      // 0.4s, 12s, 3m05s, 2h10m, 4d3h

} // namespace proxip::cli
