#include "store/nat_search.hpp"

#include <algorithm>
#include <ranges>
#include <unordered_map>
#include <utility>

namespace proxip::store {

namespace {

Moment moment_of(std::uint64_t ns, std::chrono::nanoseconds offset) {
    return Moment(std::chrono::floor<Millis>(std::chrono::nanoseconds(ns) + offset));
}

} // namespace

NatSearch::Key NatSearch::key_of(const NatRecord& record) {
    return {record.since_ns, record.protocol, record.client, record.backend};
}

bool NatSearch::matches(const NatRecord& record) const {
    if (query_.protocol && record.protocol != *query_.protocol) {
        return false;
    }
    return !query_.backend || (record.backend.address == query_.backend->address &&
                               (query_.backend->port == 0 || record.backend.port == query_.backend->port));
}

void NatSearch::read(std::string_view segment, std::size_t from) {
    std::chrono::nanoseconds offset{0};
    std::unordered_map<std::uint32_t, std::string_view> names;
    segment.remove_prefix(std::min(from, segment.size()));
    while (const auto seen = nat::first_record(segment)) {
        segment.remove_prefix(seen->whole.size());
        switch (seen->kind) {
        case nat::Kind::opened:
        case nat::Kind::closed:
            if (nat::is_of(*seen, query_.proxy) && nat::is_sound(*seen)) {
                NatRecord record = nat::connection_of(*seen);
                record.service = names[nat::service_of(*seen)];
                take(record, offset);
            }
            break;
        case nat::Kind::clock: offset = std::chrono::nanoseconds(nat::number_of(*seen)); break;
        case nat::Kind::name: names.insert_or_assign(nat::name_of(*seen).first, nat::name_of(*seen).second); break;
        case nat::Kind::begun: end_all(Moment(Millis(nat::number_of(*seen)))); break;
        case nat::Kind::lost: break;
        }
    }
}

void NatSearch::take(const NatRecord& record, std::chrono::nanoseconds offset) {
    if (!matches(record)) {
        return;
    }
    NatSession& session = found_[key_of(record)].session;
    session = {.protocol = record.protocol,
               .client = record.client,
               .backend = record.backend,
               .vip = record.vip,
               .service = record.service,
               .since = moment_of(record.since_ns, offset),
               .until = {},
               .end = NatSession::End::open};
    if (!record.opened) {
        session.until = moment_of(record.at_ns, offset);
        session.end = NatSession::End::told;
    }
}

void NatSearch::end_all(Moment at) {
    for (auto& [key, found] : found_) {
        if (found.session.end == NatSession::End::open) {
            found.session.end = NatSession::End::unknown;
            found.session.until = at;
        }
    }
}

std::vector<NatSearch::Found> NatSearch::by_time() {
    std::vector<Found> out;
    out.reserve(found_.size());
    for (auto& [key, found] : found_) {
        out.push_back(std::move(found));
    }
    found_.clear();
    std::ranges::stable_sort(out, {}, [](const Found& found) { return found.session.since; });
    return out;
}

bool NatSearch::had_it(const NatSession& session) const {
    return !query_.at || (session.since <= *query_.at && (!session.until || *query_.at <= *session.until));
}

std::vector<NatSession> NatSearch::sessions(const std::vector<NatRecord>& live, std::chrono::nanoseconds offset,
                                            Moment horizon) {
    for (const NatRecord& record : live) {
        if (matches(record)) {
            take(record, offset); // what the table of connections says is so, whatever the log heard
            found_[key_of(record)].lives = true;
        }
    }
    auto all = by_time();
    std::vector<NatSession> out;
    std::map<std::pair<Protocol, SocketAddress>, Moment> next; // who had it after, towards the same backend
    for (auto& [session, lives] : std::views::reverse(all)) {
        const auto after = next.find({session.protocol, session.backend});
        if (session.end != NatSession::End::told && !lives) {
            session.end = NatSession::End::unknown;
            if (after != next.end()) {
                session.until = session.until ? std::min(*session.until, after->second) : after->second;
            }
        }
        next[{session.protocol, session.backend}] = session.since;
        if (had_it(session) && (!session.until || *session.until >= horizon)) {
            out.push_back(std::move(session));
        }
    }
    return out;
}

} // namespace proxip::store
