#pragma once

// The flags of a TCP segment, as words.

#include <cstdint>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace proxip {

// "syn", "syn,ack", "ack,fin"; "none" for a segment without any. The bits are those of RFC 9293 section 3.1.
struct TcpFlags {
    std::uint8_t bits = 0;

    bool operator==(const TcpFlags&) const = default;
    [[nodiscard]] static Result<TcpFlags> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
};

} // namespace proxip
