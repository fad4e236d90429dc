#pragma once

// Packets as a capture file that tcpdump and Wireshark read: pcapng (draft-ietf-opsawg-pcapng), Ethernet, nanoseconds.
// Each frame is there as it came in and, where it went on, as it left; the comment says what was done with it.

#include <cstdint>
#include <iosfwd>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "api/stream.hpp"

namespace proxip::cli {

class PcapWriter {
  public:
    PcapWriter(std::ostream& out, std::uint32_t snaplen); // writes the header

    // Refused when a frame is not base64.
    [[nodiscard]] Result<void> write(const api::Packet& packet);

  private:
    enum class Direction : std::uint32_t { in = 1, out = 2 }; // as epb_flags has them
    struct Frame {
        std::uint64_t nanos;
        std::uint32_t interface;
        std::uint32_t length; // on the wire
        Direction direction;
        std::span<const std::uint8_t> bytes;
    };

    [[nodiscard]] std::uint32_t interface_of(const std::string& name);
    void put_frame(const Frame& frame, std::string_view comment);
    void put_block(std::uint32_t type, const std::string& body);

    std::ostream& out_;
    std::uint32_t snaplen_;
    std::map<std::string, std::uint32_t> interfaces_;
};

} // namespace proxip::cli
