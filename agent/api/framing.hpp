#pragma once

// A message on the socket: its length as four bytes in network order, then so many bytes of UTF-8 JSON.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace proxip::api {

inline constexpr std::size_t header_bytes = 4;
inline constexpr std::size_t max_request_bytes = 16U << 20;
inline constexpr std::size_t max_answer_bytes = 1U << 30;

[[nodiscard]] std::array<std::uint8_t, header_bytes> frame_header(std::size_t body_bytes);
// The body's length; refused above `limit`.
[[nodiscard]] Result<std::size_t> parse_header(const std::array<std::uint8_t, header_bytes>& header, std::size_t limit);

} // namespace proxip::api
