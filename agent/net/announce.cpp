#include "net/announce.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "net/agenda.hpp"
#include "net/arp.hpp"
#include "net/wire.hpp"

namespace proxip::net {

namespace asio = boost::asio;

namespace {

using Clock = Agenda::Clock;

constexpr int probes = 3;
// A pool of many addresses is spread: so many frames, then a pause.
constexpr std::size_t batch_size = 128;
constexpr std::chrono::milliseconds between_batches{10};
constexpr std::chrono::seconds defend_interval{10}; // RFC 5227 section 1.1
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

using Place = std::pair<std::uint32_t, Address>;

struct Turn {
    Place place;
    std::uint64_t round = 0;
};
using Turns = std::shared_ptr<const std::vector<Turn>>;

class ArpAnnouncer final : public Announcer {
  public:
    ArpAnnouncer(asio::io_context& loop, Decided decided, Timing timing)
        : loop_(loop), decided_(std::move(decided)), timing_(timing), agenda_(std::make_shared<Agenda>(loop)) {}
    ArpAnnouncer(const ArpAnnouncer&) = delete;
    ArpAnnouncer& operator=(const ArpAnnouncer&) = delete;
    ~ArpAnnouncer() override {
        agenda_->clear();
        for (auto& [link, wire] : wires_) {
            stop(wire);
        }
    }

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
        forget_unused();
        begin(asked, probes);
        begin(ours, 0);
    }

    void announce(std::uint32_t link) override {
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
                send(*entry, arp::probe);
            }
        }
        agenda_->later(timing_.between_probes, [this, turns, probes_left] { step(turns, probes_left - 1); });
    }

    void take(const Turns& turns) {
        for (const Turn& turn : *turns) {
            Entry* entry = current(turn, Phase::probing);
            entry = entry != nullptr ? entry : current(turn, Phase::held);
            if (entry != nullptr && send(*entry, arp::announcement)) {
                entry->phase = Phase::held;
                tell(*entry, std::nullopt);
            }
        }
        agenda_->later(timing_.second_announcement, [this, turns] {
            for (const Turn& turn : *turns) {
                if (Entry* entry = current(turn, Phase::held)) {
                    send(*entry, arp::announcement);
                }
            }
        });
    }

    [[nodiscard]] Entry* current(const Turn& turn, Phase phase) {
        const auto found = entries_.find(turn.place);
        const bool is = found != entries_.end() && found->second.round == turn.round && found->second.phase == phase;
        return is ? &found->second : nullptr;
    }

    // ---- others ----

    void heard(std::uint32_t link, const arp::Packet& packet) {
        Address address;
        std::ranges::copy(arp::claimed(packet), address.bytes.begin());
        const auto found = entries_.find({link, address});
        if (found == entries_.end() || is_own(packet.sender_mac)) {
            return;
        }
        Entry& entry = found->second;
        if (entry.phase == Phase::probing) {
            entry.phase = Phase::conflicted;
            retry_later(Phase::conflicted, timing_.retry);
            tell(entry, packet.sender_mac);
        } else if (entry.phase == Phase::held && packet.sender != arp::Ipv4{}) {
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
            send(entry, arp::announcement);
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

    // The last thing that is done with an entry: the one who is told may claim anew.
    void tell(Entry& entry, std::optional<Mac> owner) {
        if (entry.told && entry.owner == owner) {
            return;
        }
        entry.told = true;
        entry.owner = owner;
        const Claim claim = entry.claim;
        decided_(claim, owner);
    }

    // ---- wires ----

    // False: the link is down or gone. The claim then waits, and is asked for again when the link may be back.
    bool send(Entry& entry, arp::Frame (*make)(const Mac&, const arp::Ipv4&)) {
        if (entry.claim.address.family != Family::v4) {
            return true;
        }
        const auto wire = wire_of(entry.claim.link);
        const bool heard_by_others =
            wire && (*wire == nullptr || (*wire)->send(make(entry.claim.mac, arp::to_ipv4(entry.claim.address))));
        if (!heard_by_others) {
            entry.phase = Phase::waiting;
            retry_later(Phase::waiting, look_at_link);
        }
        return heard_by_others;
    }

    [[nodiscard]] Result<std::shared_ptr<Wire>> wire_of(std::uint32_t link) {
        const auto found = wires_.find(link);
        if (found != wires_.end()) {
            if (found->second == nullptr || !found->second->gone()) {
                return found->second;
            }
            stop(found->second);
            wires_.erase(found);
        }
        auto wire =
            Wire::open(loop_, link, [this](std::uint32_t from, const arp::Packet& packet) { heard(from, packet); });
        if (wire) {
            wires_.emplace(link, *wire);
        }
        return wire;
    }

    void forget_unused() {
        std::set<std::uint32_t> used;
        for (const auto& [place, entry] : entries_) {
            used.insert(place.first);
        }
        std::erase_if(wires_, [&used](auto& item) {
            const bool unused = !used.contains(item.first);
            if (unused) {
                stop(item.second);
            }
            return unused;
        });
    }

    static void stop(const std::shared_ptr<Wire>& wire) {
        if (wire != nullptr) {
            wire->stop();
        }
    }

    asio::io_context& loop_;
    Decided decided_;
    Timing timing_;
    std::shared_ptr<Agenda> agenda_;
    std::map<Place, Entry> entries_;
    std::map<std::uint32_t, std::shared_ptr<Wire>> wires_; // a null pointer: no ARP on that link
    std::uint64_t rounds_ = 0;
    std::set<Phase> retrying_;
    std::minstd_rand random_{std::random_device{}()};
};

} // namespace

Result<std::unique_ptr<Announcer>> Announcer::start(asio::io_context& loop, Decided decided, Timing timing) {
    if (auto allowed = Wire::check_allowed(); !allowed) {
        return std::unexpected(std::move(allowed.error()));
    }
    return std::make_unique<ArpAnnouncer>(loop, std::move(decided), timing);
}

Result<std::unique_ptr<Announcer>> Announcer::start(asio::io_context& loop, Decided decided) {
    return start(loop, std::move(decided), Timing{});
}

} // namespace proxip::net
