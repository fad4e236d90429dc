#include "net/announce.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "net/agenda.hpp"
#include "net/statement.hpp"
#include "net/wires.hpp"

namespace proxip::net {

namespace asio = boost::asio;

namespace {

using Clock = Agenda::Clock;

constexpr int probes = 3;
// A pool of many addresses is spread: so many frames, then a pause.
constexpr std::size_t batch_size = 128;
constexpr std::chrono::milliseconds between_batches{10};
constexpr std::chrono::seconds defend_interval{10}; // RFC 5227 section 1.1; ND has no such rule of its own
constexpr std::chrono::seconds look_at_link{1};     // while it is down; no frame is sent
constexpr double retry_spread = 0.1; // two that probe for one address at the same time do not meet for ever

enum class Phase {
    waiting, // its link is down: nobody can be asked
    probing,
    held,
    conflicted,
};

struct Entry {
    Claim claim;
    Phase phase = Phase::probing;
    std::uint64_t round = 0; // steps of earlier rounds do not touch it
    bool told = false;
    std::optional<Mac> owner{}; // as told
    std::optional<Clock::time_point> defended{};

    [[nodiscard]] bool ours() const { return phase == Phase::held || (phase == Phase::waiting && told && !owner); }
};

using Place = Wires::Place;

struct Turn {
    Place place;
    std::uint64_t round = 0;
};
using Turns = std::shared_ptr<const std::vector<Turn>>;

class WireAnnouncer final : public Announcer {
  public:
    WireAnnouncer(asio::io_context& loop, Decided decided, Timing timing)
        : decided_(std::move(decided)), timing_(timing), agenda_(std::make_shared<Agenda>(loop)),
          wires_(loop, [this](std::uint32_t link, const Statement& statement) { heard(link, statement); }) {}
    WireAnnouncer(const WireAnnouncer&) = delete;
    WireAnnouncer& operator=(const WireAnnouncer&) = delete;
    ~WireAnnouncer() override { agenda_->clear(); }

    void claim(std::vector<Claim> wanted, bool known) override {
        std::map<Place, Entry> next;
        std::vector<Place> asked;
        std::vector<Place> ours;
        for (const Claim& wish : wanted) {
            const Place place{wish.link, wish.address};
            const auto standing = entries_.find(place);
            const bool stands = standing != entries_.end();
            const bool same = stands && standing->second.claim == wish;
            const bool was_ours = stands ? standing->second.ours() : known;
            const bool waits = same && standing->second.phase == Phase::waiting;
            const bool is_new = !same && next.emplace(place, Entry{.claim = wish}).second;
            if (is_new || waits) {
                (was_ours ? ours : asked).push_back(place);
            }
            if (same) {
                next.insert(entries_.extract(standing));
            }
        }
        entries_ = std::move(next);
        keep_used();
        begin(asked, probes);
        begin(ours, 0);
    }

    void announce(std::uint32_t link) override {
        wires_.renew(link);
        begin_where([link](const Entry& entry) {
            return entry.claim.link == link && (entry.phase == Phase::waiting || entry.phase == Phase::held);
        });
    }

  private:
    // ---- one round: probes, then the address is ours, then it is announced once more ----

    template <typename Condition>
    void begin_where(const Condition& condition) {
        std::vector<Place> asked;
        std::vector<Place> ours;
        for (const auto& [place, entry] : entries_) {
            if (condition(entry)) {
                (entry.ours() ? ours : asked).push_back(place);
            }
        }
        begin(asked, probes);
        begin(ours, 0);
    }

    void begin(const std::vector<Place>& places, int rounds_of_probes) {
        Clock::duration delay{};
        for (std::size_t first = 0; first < places.size(); first += batch_size) {
            auto turns = std::make_shared<std::vector<Turn>>();
            for (std::size_t i = first; i < std::min(first + batch_size, places.size()); ++i) {
                Entry& entry = entries_.at(places[i]);
                entry.phase = rounds_of_probes > 0 ? Phase::probing : Phase::held;
                entry.round = ++rounds_;
                turns->push_back({places[i], entry.round});
            }
            agenda_->later(delay, [this, turns, rounds_of_probes] { step(turns, rounds_of_probes); });
            delay += between_batches;
        }
    }

    void step(const Turns& turns, int probes_left) {
        if (probes_left == 0) {
            take(turns);
            return;
        }
        for (const Turn& turn : *turns) {
            if (Entry* entry = current(turn, Phase::probing)) {
                send(*entry, probe);
            }
        }
        agenda_->later(timing_.between_probes, [this, turns, probes_left] { step(turns, probes_left - 1); });
    }

    void take(const Turns& turns) {
        std::vector<Place> ours;
        for (const Turn& turn : *turns) {
            Entry* entry = current(turn, Phase::probing);
            entry = entry != nullptr ? entry : current(turn, Phase::held);
            if (entry != nullptr) {
                entry->phase = Phase::held;
                ours.push_back(turn.place);
            }
        }
        tell(ours, std::nullopt);
        announce_held(turns);
        agenda_->later(timing_.second_announcement, [this, turns] { announce_held(turns); });
    }

    void announce_held(const Turns& turns) {
        for (const Turn& turn : *turns) {
            if (Entry* entry = current(turn, Phase::held)) {
                send(*entry, announcement);
            }
        }
    }

    [[nodiscard]] Entry* current(const Turn& turn, Phase phase) {
        const auto found = entries_.find(turn.place);
        const bool is = found != entries_.end() && found->second.round == turn.round && found->second.phase == phase;
        return is ? &found->second : nullptr;
    }

    // ---- others ----

    void heard(std::uint32_t link, const Statement& statement) {
        const auto found = entries_.find({link, statement.address});
        if (found == entries_.end() || is_own(statement.mac)) {
            return;
        }
        Entry& entry = found->second;
        if (entry.phase == Phase::probing) {
            entry.phase = Phase::conflicted;
            retry_later(Phase::conflicted, timing_.retry);
            tell({found->first}, statement.mac);
        } else if (entry.phase == Phase::held && !statement.probe) {
            defend(entry);
        }
    }

    // Also on another link: two links of this host may be on one segment.
    [[nodiscard]] bool is_own(const Mac& mac) const {
        return std::ranges::any_of(entries_, [&mac](const auto& item) { return item.second.claim.mac == mac; });
    }

    void defend(Entry& entry) {
        const auto now = Clock::now();
        if (!entry.defended || now - *entry.defended >= defend_interval) {
            entry.defended = now;
            send(entry, announcement);
        }
    }

    // All that are in that phase by then.
    void retry_later(Phase phase, Clock::duration delay) {
        if (!retrying_.insert(phase).second) {
            return;
        }
        std::uniform_real_distribution<double> spread(1.0, 1.0 + retry_spread);
        agenda_->later(std::chrono::duration_cast<Clock::duration>(delay * spread(random_)), [this, phase] {
            retrying_.erase(phase);
            begin_where([phase](const Entry& entry) { return entry.phase == phase; });
        });
    }

    // No entry is at hand after it: the one who is told may claim anew.
    void tell(const std::vector<Place>& places, std::optional<Mac> owner) {
        std::vector<Decision> news;
        for (const Place& place : places) {
            Entry& entry = entries_.at(place);
            if (!entry.told || entry.owner != owner) {
                entry.told = true;
                entry.owner = owner;
                news.push_back({.claim = entry.claim, .owner = owner});
            }
        }
        if (!news.empty()) {
            decided_(news);
        }
    }

    // ---- wires ----

    // False: the link is down or gone. The claim then waits, and is asked for again when the link may be back.
    bool send(Entry& entry, Frame (*make)(const Mac&, const Address&)) {
        const Claim& claim = entry.claim;
        const bool heard_by_others = wires_.send({claim.link, claim.address}, make(claim.mac, claim.address));
        if (!heard_by_others) {
            entry.phase = Phase::waiting;
            retry_later(Phase::waiting, look_at_link);
        }
        return heard_by_others;
    }

    void keep_used() {
        std::set<Place> used;
        for (const auto& [place, entry] : entries_) {
            used.insert(place);
        }
        wires_.keep(used);
    }

    Decided decided_;
    Timing timing_;
    std::shared_ptr<Agenda> agenda_;
    std::map<Place, Entry> entries_;
    Wires wires_;
    std::uint64_t rounds_ = 0;
    std::set<Phase> retrying_;
    std::minstd_rand random_{std::random_device{}()};
};

} // namespace

Result<std::unique_ptr<Announcer>> Announcer::start(asio::io_context& loop, Decided decided, Timing timing) {
    if (auto allowed = Wire::check_allowed(); !allowed) {
        return std::unexpected(std::move(allowed.error()));
    }
    return std::make_unique<WireAnnouncer>(loop, std::move(decided), timing);
}

Result<std::unique_ptr<Announcer>> Announcer::start(asio::io_context& loop, Decided decided) {
    return start(loop, std::move(decided), Timing{});
}

} // namespace proxip::net
