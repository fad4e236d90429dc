#pragma once

// From the records of one Proxy IP and port to those who had it. Pure: segments come as bytes, oldest first.

#include <chrono>
#include <map>
#include <string_view>
#include <tuple>
#include <vector>

#include "store/nat_log.hpp"

namespace proxip::store {

class NatSearch {
  public:
    explicit NatSearch(const NatQuery& query) : query_(query) {}

    void read(std::string_view segment, std::size_t from);
    // Newest first; none that ended before `horizon`. `live`: who lives now, by the clock that `offset` is for.
    [[nodiscard]] std::vector<NatSession> sessions(const std::vector<NatRecord>& live, std::chrono::nanoseconds offset,
                                                   Moment horizon);

  private:
    // One connection: a proxy port is used once at a time towards a backend, and never twice in a nanosecond.
    using Key = std::tuple<std::uint64_t, Protocol, SocketAddress, SocketAddress>;
    struct Found {
        NatSession session;
        bool lives = false;
    };

    [[nodiscard]] static Key key_of(const NatRecord& record);
    [[nodiscard]] bool matches(const NatRecord& record) const;
    [[nodiscard]] bool had_it(const NatSession& session) const; // at the time of the query
    void take(const NatRecord& record, std::chrono::nanoseconds offset);
    void end_all(Moment at);
    [[nodiscard]] std::vector<Found> by_time();

    NatQuery query_;
    std::map<Key, Found> found_;
};

} // namespace proxip::store
