#include "api/framing.hpp"

#include <limits>

#include <fmt/format.h>

namespace proxip::api {

static_assert(max_answer_bytes <= std::numeric_limits<std::uint32_t>::max());

std::array<std::uint8_t, header_bytes> frame_header(std::size_t body_bytes) {
    const auto length = static_cast<std::uint32_t>(body_bytes);
    return {static_cast<std::uint8_t>(length >> 24U), static_cast<std::uint8_t>(length >> 16U),
            static_cast<std::uint8_t>(length >> 8U), static_cast<std::uint8_t>(length)};
}

Result<std::size_t> parse_header(const std::array<std::uint8_t, header_bytes>& header, std::size_t limit) {
    std::size_t length = 0;
    for (const auto byte : header) {
        length = length << 8U | byte;
    }
    if (length == 0 || length > limit) {
        return fail(ErrorCode::invalid, fmt::format("a message of {} bytes: expected 1 to {}", length, limit));
    }
    return length;
}

} // namespace proxip::api
