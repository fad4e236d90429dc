#include "packet/nat_model.hpp"

#include <algorithm>

namespace proxip::packet {

namespace {

const char* name(Life life) {
    constexpr std::array<const char*, 5> names = {"syn", "established", "closing", "closed", "udp"};
    return names.at(static_cast<std::size_t>(life));
}

bool is_syn(std::uint8_t flags) {
    return (flags & (Syn | Ack)) == Syn;
}

} // namespace

std::ostream& operator<<(std::ostream& out, Life life) {
    return out << name(life);
}

std::ostream& operator<<(std::ostream& out, const Caller& caller) {
    return out << "client " << caller.client << " port " << caller.port << " of service " << caller.service;
}

// "web" on two backends, "dns", and two that keep the client's address and share a backend: there the same client port
// cannot be in use twice.
const std::vector<Served>& served() {
    static const std::vector<Served> all = {{.udp = false, .keeps_client = false, .port = 80, .backends = {0, 1}},
                                            {.udp = true, .keeps_client = false, .port = 53, .backends = {0}},
                                            {.udp = false, .keeps_client = true, .port = 81, .backends = {2}},
                                            {.udp = false, .keeps_client = true, .port = 82, .backends = {2}}};
    return all;
}

// RFC 9293's states as a NAT can tell them (RFC 7857 section 2).
void Modelled::follow(Party from, std::uint8_t flags) {
    const Party other = from == Party::caller ? Party::server : Party::caller;
    const bool has_finished = std::ranges::find(finished, from) != finished.end();
    if (life == Life::udp) {
        return;
    }
    if ((flags & Rst) != 0) {
        const bool refuses_a_challenge = from == Party::caller && life == Life::syn && !answered;
        if (!refuses_a_challenge && life != Life::closed) {
            reset_by.insert(from);
            life = Life::closed;
        }
        return;
    }
    if (!reset_by
             .empty()) { // was it meant? Whoever goes on after its own RST did not send it; both going on settles it
        if (life == Life::closed && reset_by.contains(from)) {
            life = Life::closing;
        } else if (life == Life::closing && reset_by.contains(other)) {
            reset_by.clear();
            life = finished.empty() ? Life::established : Life::closing;
        }
        return;
    }
    if (life == Life::closed) {
        return;
    }
    if (life == Life::syn) {
        answered = answered || (from == Party::server && (flags & Syn) != 0 && (flags & Ack) != 0);
        if (from == Party::caller && (flags & Syn) == 0 && answered) {
            life = Life::established;
        }
    }
    if ((flags & Fin) != 0) {
        if (!has_finished) {
            finished.push_back(from);
        }
        life = Life::closing;
    } else if (finished.size() == 2 && finished.front() == from) {
        life = Life::closed; // it has the other's FIN
    }
}

Fate NatModel::fate_of(const Caller& caller, std::uint8_t flags) const {
    const Served& service = served().at(static_cast<std::size_t>(caller.service));
    const auto known = connections_.find(caller);
    const bool stands = known != connections_.end() && (known->second.life != Life::closed || !is_syn(flags));
    if (stands) {
        return Fate::continues;
    }
    if (!service.udp && (!is_syn(flags) || (flags & Rst) != 0)) {
        return Fate::no_connection;
    }
    if (!service.keeps_client) {
        return Fate::opens;
    }
    for (const auto& [other, connection] : connections_) {
        const bool same_tuple = other.client == caller.client && other.port == caller.port && other != caller &&
                                connection.backend == *service.backends.begin() &&
                                served().at(static_cast<std::size_t>(other.service)).keeps_client;
        if (same_tuple && connection.is_live()) {
            return Fate::tuple_taken;
        }
    }
    return Fate::opens;
}

void NatModel::open(const Caller& caller, int server, std::uint16_t port) {
    const Served& service = served().at(static_cast<std::size_t>(caller.service));
    connections_.erase(caller);
    if (service.keeps_client) { // a closed one gave the tuple up
        std::erase_if(connections_, [&](const auto& entry) {
            return entry.first.client == caller.client && entry.second.port == port && entry.second.backend == server &&
                   served().at(static_cast<std::size_t>(entry.first.service)).keeps_client;
        });
    }
    connections_[caller] = {.life = service.udp ? Life::udp : Life::syn, .backend = server, .port = port};
}

bool NatModel::is_free(const Caller& caller, int server, std::uint16_t port) const {
    const bool udp = served().at(static_cast<std::size_t>(caller.service)).udp;
    return std::ranges::none_of(connections_, [&](const auto& entry) {
        const Served& service = served().at(static_cast<std::size_t>(entry.first.service));
        return entry.first != caller && !service.keeps_client && service.udp == udp && entry.second.backend == server &&
               entry.second.port == port;
    });
}

Modelled* NatModel::find(const Caller& caller) {
    const auto found = connections_.find(caller);
    return found == connections_.end() ? nullptr : &found->second;
}

const Caller* NatModel::find_reply(int server, bool udp, bool keeps_client, int from, std::uint16_t port) const {
    for (const auto& [caller, connection] : connections_) {
        const Served& service = served().at(static_cast<std::size_t>(caller.service));
        if (connection.backend == server && connection.port == port && service.udp == udp &&
            service.keeps_client == keeps_client && (!keeps_client || caller.client == from)) {
            return &caller;
        }
    }
    return nullptr;
}

std::uint64_t NatModel::live() const {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(connections_, [](const auto& entry) { return entry.second.is_live(); }));
}

} // namespace proxip::packet
