#pragma once

// What the load balancer promises of connections, written down a second time: who is whom, and what state follows which
// segment. No time passes, and neither ports nor room run out.

#include <cstdint>
#include <map>
#include <ostream>
#include <set>
#include <vector>

#include "packet/rig.hpp"

namespace proxip::packet {

enum class Party : std::uint8_t { caller, server };

// A service of the model, by its place in the list.
struct Served {
    bool udp = false;
    bool keeps_client = false; // snat = never
    std::uint16_t port = 0;
    std::set<int> backends{}; // by number
};
[[nodiscard]] const std::vector<Served>& served();
inline constexpr int backends = 3;

// The client's end of a connection: what tells it from all others.
struct Caller {
    int client = 0;
    std::uint16_t port = 0;
    int service = 0;

    auto operator<=>(const Caller&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Caller& caller);

enum class Life : std::uint8_t { syn, established, closing, closed, udp };
std::ostream& operator<<(std::ostream& out, Life life);

struct Modelled { // a connection
    Life life = Life::syn;
    bool answered = false;         // SYN-ACK
    std::vector<Party> finished{}; // in that order
    std::set<Party> reset_by{};
    int backend = 0;
    std::uint16_t port = 0; // of the Proxy IP, or the client's own

    [[nodiscard]] bool is_live() const { return life != Life::closed; }
    void follow(Party from, std::uint8_t flags);
};

// What must happen to a packet of a client that is the first of a connection, or of the next one in its place.
enum class Fate : std::uint8_t { opens, continues, no_connection, tuple_taken };

class NatModel {
  public:
    [[nodiscard]] Fate fate_of(const Caller& caller, std::uint8_t flags) const;
    // Backend and port were learned from what came out. Gives up what stood in its place.
    void open(const Caller& caller, int server, std::uint16_t port);
    [[nodiscard]] bool is_free(const Caller& caller, int server, std::uint16_t port) const;

    [[nodiscard]] Modelled* find(const Caller& caller);
    // Whose connection a backend's packet to that port is of.
    [[nodiscard]] const Caller* find_reply(int server, bool udp, bool keeps_client, int from, std::uint16_t port) const;
    [[nodiscard]] const std::map<Caller, Modelled>& all() const { return connections_; }
    [[nodiscard]] std::uint64_t live() const;

  private:
    std::map<Caller, Modelled> connections_;
};

} // namespace proxip::packet
