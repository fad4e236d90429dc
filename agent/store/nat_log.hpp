#pragma once

// Who had which proxy port, and when: an append-only log in segments, bounded by time and by size; the oldest segment
// goes first. What was flushed survives kill -9; the kernel brings it to the disk within half a minute. A record that a
// crash tore is cut off at the next start.
//
// A flat log and not a database: records come in order and are never changed, what is old goes by whole files, and a
// question is so rare that reading everything is faster than keeping an index up to date would be (docs/nat-log.md).

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/config.hpp"
#include "model/moment.hpp"
#include "model/result.hpp"
#include "store/folder.hpp"
#include "store/nat_record.hpp"

namespace proxip::store {

struct NatQuery {
    SocketAddress proxy;
    std::optional<Protocol> protocol = std::nullopt;
    std::optional<SocketAddress> backend = std::nullopt; // port 0: any port of it
    std::optional<Moment> at = std::nullopt;
};

struct NatSession {
    enum class End {
        open,    // it lives
        told,    // `until` is when it ended
        unknown, // it is over, and its end was not told; `until`, if set: it was over by then
    };
    Protocol protocol = Protocol::tcp;
    SocketAddress client;
    SocketAddress backend;
    std::optional<SocketAddress> vip;
    std::string service;
    Moment since;
    std::optional<Moment> until;
    End end = End::open;

    bool operator==(const NatSession&) const = default;
};

class NatLog {
  public:
    struct Bounds {
        Millis keep{};
        std::uint64_t max_size = 0; // bytes
    };

    // Makes the folder (0750) when it is missing.
    [[nodiscard]] static Result<std::unique_ptr<NatLog>> open(const std::filesystem::path& folder, Bounds bounds,
                                                              Moment now);

    void set_bounds(Bounds bounds) { bounds_ = bounds; }
    // The time of day less CLOCK_MONOTONIC, for what is appended from now on.
    void set_clock(std::chrono::nanoseconds offset);
    void append(const NatRecord& record);
    void append_begun(Moment now);                                           // a new data plane, without connections
    void append_lost(Moment now, std::uint64_t in_all);                      // events, since the data plane began
    [[nodiscard]] std::uint64_t lost_in_all() const { return lost_in_all_; } // as it was told last
    // Writes what was appended, and lets go of what is too old. On failure what was appended is given up, and counted.
    [[nodiscard]] Result<void> flush(Moment now);

    // Newest first. `live`: the connections that live now, with the same Proxy IP and port.
    [[nodiscard]] std::vector<NatSession> find(const NatQuery& query, const std::vector<NatRecord>& live,
                                               Moment now) const;

    [[nodiscard]] bool empty() const { return segments_.empty() && bytes_ <= header_size; }
    [[nodiscard]] std::uint64_t bytes() const; // on disk
    [[nodiscard]] Moment oldest() const;       // it knows nothing from before
    [[nodiscard]] std::uint64_t given_up() const { return given_up_; }

  private:
    struct Segment { // that is full
        std::uint64_t number = 0;
        std::uint64_t bytes = 0;
        Moment first;
        Moment last;
    };
    static constexpr std::size_t header_size = 16;

    NatLog(std::filesystem::path folder, Bounds bounds) : folder_(std::move(folder)), bounds_(bounds) {}

    [[nodiscard]] std::string path_of(std::uint64_t number) const;
    [[nodiscard]] std::uint64_t segment_size() const;
    [[nodiscard]] Result<void> list();
    [[nodiscard]] Result<void> resume(Moment now); // the newest segment, less what is torn
    [[nodiscard]] Result<void> begin_segment(Moment now);
    [[nodiscard]] Result<void> write_pending();
    [[nodiscard]] bool is_due(Moment now) const;
    void seal(Moment now);
    void expire(Moment now);
    std::uint32_t number_of(const std::string& service);
    void record_appended();

    std::filesystem::path folder_;
    Bounds bounds_;
    std::deque<Segment> segments_;
    // the one that is written
    Descriptor file_;
    std::uint64_t number_ = 0;
    std::uint64_t bytes_ = 0;
    Moment first_;
    std::map<std::string, std::uint32_t> names_;
    std::optional<std::chrono::nanoseconds> clock_written_;

    std::chrono::nanoseconds clock_{0};
    std::string pending_;
    std::size_t pending_records_ = 0;
    std::optional<Error> trouble_; // of a write in the middle of a batch
    std::uint64_t given_up_ = 0;   // records
    std::uint64_t lost_in_all_ = 0;
};

// The same without a log.
[[nodiscard]] std::vector<NatSession> find_live(const NatQuery& query, const std::vector<NatRecord>& live,
                                                std::chrono::nanoseconds clock);

} // namespace proxip::store
