#pragma once

// The records of the NAT log, as they lie in a segment:
//
//   checksum (CRC-32 of what follows), u32 | length of the whole, u16 | kind, u8 | flags, u8 | what the kind says
//
// in the host's byte order: a log is read where it was written. Times of connections are those of CLOCK_MONOTONIC, in
// ns; a clock record before them says how far that is from the time of day.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "model/address.hpp"
#include "model/moment.hpp"

namespace proxip::store {

struct NatRecord { // a connection was opened, or ended; the end says all that the beginning did
    bool opened = false;
    Protocol protocol = Protocol::tcp;
    std::uint64_t since_ns = 0;
    std::uint64_t at_ns = 0; // of the end
    SocketAddress client;
    SocketAddress proxy;
    SocketAddress backend;
    std::optional<SocketAddress> vip; // when destinations are logged
    std::string service;

    bool operator==(const NatRecord&) const = default;
};

namespace nat {

enum class Kind : std::uint8_t {
    opened = 1,
    closed,
    clock, // i64: time of day less CLOCK_MONOTONIC, in ns
    name,  // u32: a number, then the service's name; numbers count within a segment
    begun, // i64: ms since 1970. A data plane was made: what was open before is over
    lost,  // i64: ms since 1970; u64: events that were lost since the data plane began
};

void write_connection(std::string& out, const NatRecord& record, std::uint32_t service);
void write_clock(std::string& out, std::int64_t offset_ns);
void write_name(std::string& out, std::uint32_t number, std::string_view name);
void write_begun(std::string& out, Moment at);
void write_lost(std::string& out, Moment at, std::uint64_t in_all);

struct Seen { // a record that was not looked into yet
    Kind kind{};
    std::uint8_t flags = 0;
    std::string_view body;
    std::string_view whole;
};

// The one at the beginning of these bytes; none: there cannot be one.
[[nodiscard]] std::optional<Seen> first_record(std::string_view bytes);
[[nodiscard]] bool is_sound(const Seen& seen); // its checksum
// Is it of this proxy address and port? Cheap.
[[nodiscard]] bool is_of(const Seen& seen, const SocketAddress& proxy);
[[nodiscard]] NatRecord connection_of(const Seen& seen); // without the service's name
[[nodiscard]] std::uint32_t service_of(const Seen& seen);
[[nodiscard]] std::int64_t number_of(const Seen& seen); // of clock, begun
[[nodiscard]] std::uint64_t lost_of(const Seen& seen);
[[nodiscard]] std::pair<std::uint32_t, std::string_view> name_of(const Seen& seen);

} // namespace nat
} // namespace proxip::store
