#include <catch2/catch.hpp>

#include <rapidcheck.h>

#include "packet/families.hpp"
#include "packet/nat_model.hpp"

// Random conversations of a few clients and backends: for each packet the model says verdict, frame and states, and the
// program must agree.

namespace proxip::packet {

namespace {

enum class ActionKind : std::uint8_t {
    client_packet,
    backend_packet,
    wrong_backend, // to a port that its neighbour answers from
    client_error,  // an ICMP error about what the end got
    backend_error,
};

struct Action {
    ActionKind kind = ActionKind::client_packet;
    Caller caller;
    std::uint8_t flags = 0; // TCP alone
};

std::ostream& operator<<(std::ostream& out, const Action& action) {
    constexpr std::array<const char*, 5> names = {"packet of", "answer to", "answer of a wrong backend to", "error of",
                                                  "error to"};
    return out << names.at(static_cast<std::size_t>(action.kind)) << ' ' << action.caller << ", TCP flags "
               << int{action.flags};
}

rc::Gen<Action> any_action() {
    namespace gen = rc::gen;
    const auto caller =
        gen::build<Caller>(gen::set(&Caller::client, gen::inRange(0, 3)),
                           gen::set(&Caller::port, gen::element<std::uint16_t>(40000, 40001)),
                           gen::set(&Caller::service, gen::inRange(0, static_cast<int>(served().size()))));
    return gen::build<Action>(
        gen::set(&Action::kind, gen::weightedElement<ActionKind>({{10, ActionKind::client_packet},
                                                                  {8, ActionKind::backend_packet},
                                                                  {1, ActionKind::wrong_backend},
                                                                  {1, ActionKind::client_error},
                                                                  {1, ActionKind::backend_error}})),
        gen::set(&Action::caller, caller),
        gen::set(
            &Action::flags,
            gen::weightedElement<std::uint8_t>(
                {{5, Syn}, {5, Syn | Ack}, {8, Ack}, {4, Fin | Ack}, {1, Fin}, {1, Rst}, {2, Rst | Ack}, {1, 0}})));
}

template <typename Header>
auto client_address(int number) {
    const auto last = static_cast<std::uint8_t>(7 + number);
    if constexpr (is_ipv6<Header>) {
        return documentation_ip6(1, last);
    } else {
        return Ip{198, 51, 100, last};
    }
}
template <typename Header>
auto backend_address(int number) {
    const auto last = static_cast<std::uint8_t>(11 + number);
    if constexpr (is_ipv6<Header>) {
        return documentation_ip6(2, last);
    } else {
        return Ip{203, 0, 113, last};
    }
}

std::uint16_t backend_port_of(const Served& service) {
    return service.udp ? backend_dns_port : backend_port;
}

template <typename Header>
Config config_of_model() {
    Config out = config_of<Header>();
    const Service like = out.services[0];
    out.services.clear();
    for (const Served& service : served()) {
        Service& added = out.services.emplace_back(like);
        added.name = "service" + std::to_string(service.port);
        added.address.protocol = service.udp ? Protocol::udp : Protocol::tcp;
        added.address.ports = {service.port, service.port};
        added.snat = service.keeps_client ? Snat::never : Snat::always;
        added.backends.clear();
        for (const int number : service.backends) {
            auto backend = like.backends[0];
            backend.address = {.address = address(backend_address<Header>(number)), .port = backend_port_of(service)};
            added.backends.push_back(backend);
        }
    }
    return out;
}

// The program and its model, side by side.
template <typename Header>
class Pair {
  public:
    Pair() : rig_(config_of_model<Header>()) {}

    void play(const Action& action) {
        switch (action.kind) {
        case ActionKind::client_packet: client_packet(action.caller, action.flags); break;
        case ActionKind::backend_packet: backend_packet(action.caller, action.flags); break;
        case ActionKind::wrong_backend: wrong_backend(action.caller, action.flags); break;
        case ActionKind::client_error: client_error(action.caller); break;
        case ActionKind::backend_error: backend_error(action.caller); break;
        }
        compare_tables();
    }

  private:
    using Address4or6 = decltype(client_address<Header>(0));
    struct Ends {
        Address4or6 source;
        Address4or6 destination;
        std::uint16_t source_port;
        std::uint16_t destination_port;
    };

    static const Served& service_of(const Caller& caller) {
        return served().at(static_cast<std::size_t>(caller.service));
    }
    static Address4or6 vip_address() { return Header{}.destination; }
    static Address4or6 proxy_address() { return translated(Header{}).source; }

    // As the client knows the conversation, and as the backend does.
    static Ends seen_by_client(const Caller& caller) {
        return {client_address<Header>(caller.client), vip_address(), caller.port, service_of(caller).port};
    }
    static Ends seen_by_backend(const Caller& caller, const Modelled& connection) {
        const bool kept = service_of(caller).keeps_client;
        return {kept ? client_address<Header>(caller.client) : proxy_address(),
                backend_address<Header>(connection.backend), connection.port, backend_port_of(service_of(caller))};
    }
    static Ends turned(const Ends& ends) {
        return {ends.destination, ends.source, ends.destination_port, ends.source_port};
    }

    static Header header(const Ends& ends, bool forwarded) {
        Header ip{};
        ip.source = ends.source;
        ip.destination = ends.destination;
        return forwarded ? one_hop_less(ip) : ip;
    }
    static Packet packet(const Ethernet& ethernet, const Ends& ends, bool udp, std::uint8_t flags, bool forwarded) {
        const Packet ip = ethernet / header(ends, forwarded);
        const Payload data(std::size_t{12});
        if (udp) {
            return ip / Udp{.source = ends.source_port, .destination = ends.destination_port} / data;
        }
        return ip / Tcp{.source = ends.source_port, .destination = ends.destination_port, .flags = flags} / data;
    }
    static Packet error(const Ethernet& ethernet, const Ends& ends, const Packet& about, bool forwarded) {
        return ethernet / header(ends, forwarded) / port_unreachable<Header>() / quote(about);
    }

    void client_packet(const Caller& caller, std::uint8_t flags) {
        const bool udp = service_of(caller).udp;
        const Fate fate = model_.fate_of(caller, flags);
        const Outcome out = rig_.from_client(packet(Ethernet{}, seen_by_client(caller), udp, flags, false));
        if (fate == Fate::no_connection || fate == Fate::tuple_taken) {
            refused(out, fate == Fate::tuple_taken ? abi::ABI_TUPLE_TAKEN : abi::ABI_NO_CONNECTION, flags);
            return;
        }
        RC_ASSERT(out.verdict == Verdict::redirect);
        if (fate == Fate::opens) {
            learn(caller, out.frame);
        }
        Modelled& connection = *model_.find(caller);
        RC_ASSERT(out.frame == packet(to_backend(), seen_by_backend(caller, connection), udp, flags, true).frame());
        connection.follow(Party::caller, flags);
    }

    // The one thing that the model cannot know: which of the backends, and which of the free ports.
    void learn(const Caller& caller, const Frame& frame) {
        const Served& service = service_of(caller);
        constexpr std::size_t l4 = 14 + (is_ipv6<Header> ? 40 : 20);
        const auto port = static_cast<std::uint16_t>(frame.bytes.at(l4) << 8 | frame.bytes.at(l4 + 1));
        const int backend = frame.bytes.at(l4 - 1) - backend_address<Header>(0).back();
        RC_ASSERT(service.backends.contains(backend));
        RC_ASSERT((service.keeps_client ? port == caller.port : port >= 1024));
        RC_ASSERT(service.keeps_client || model_.is_free(caller, backend, port));
        model_.open(caller, backend, port);
    }

    void refused(const Outcome& out, abi::abi_reason reason, std::uint8_t flags) {
        RC_ASSERT(out.verdict == ((flags & Rst) != 0 ? Verdict::drop : Verdict::redirect)); // a reset is not reset
        refusals_[reason]++;
        RC_ASSERT(rig_.count(reason) == refusals_[reason]);
    }

    void backend_packet(const Caller& caller, std::uint8_t flags) {
        Modelled* connection = model_.find(caller);
        if (connection == nullptr) {
            return;
        }
        const bool udp = service_of(caller).udp;
        const Outcome out =
            rig_.from_backend(packet(from_backend(), turned(seen_by_backend(caller, *connection)), udp, flags, false));
        RC_ASSERT(out.verdict == Verdict::redirect);
        RC_ASSERT(out.frame == packet(to_client(), turned(seen_by_client(caller)), udp, flags, true).frame());
        connection->follow(Party::server, flags);
    }

    // From a backend that this port does not belong to; unless it has a connection of its own there.
    void wrong_backend(const Caller& caller, std::uint8_t flags) {
        const Modelled* connection = model_.find(caller);
        if (connection == nullptr) {
            return;
        }
        const Served& service = service_of(caller);
        Modelled wrong = *connection;
        wrong.backend = (wrong.backend + 1) % backends;
        if (model_.find_reply(wrong.backend, service.udp, service.keeps_client, caller.client, wrong.port) != nullptr) {
            return;
        }
        const Outcome out = rig_.from_backend(
            packet(from_backend(), turned(seen_by_backend(caller, wrong)), service.udp, flags, false));
        RC_ASSERT(out.verdict == (service.keeps_client ? Verdict::pass : Verdict::drop)); // a stranger's affair
        unsolicited_ += service.keeps_client ? 0U : 1U;
        RC_ASSERT(rig_.count(abi::ABI_UNSOLICITED) == unsolicited_);
    }

    // About what it got. Inner and outer packet are translated, and no state moves.
    void backend_error(const Caller& caller) {
        const Modelled* connection = model_.find(caller);
        if (connection == nullptr) {
            return;
        }
        const bool udp = service_of(caller).udp;
        const Ends there = seen_by_backend(caller, *connection);
        const Ends here = seen_by_client(caller);
        const Outcome out =
            rig_.from_backend(error(from_backend(), turned(there), packet({}, there, udp, Ack, true), false));
        RC_ASSERT(out.verdict == Verdict::redirect);
        RC_ASSERT(out.frame == error(to_client(), turned(here), packet({}, here, udp, Ack, true), true).frame());
    }

    void client_error(const Caller& caller) {
        const Modelled* connection = model_.find(caller);
        if (connection == nullptr) {
            return;
        }
        const bool udp = service_of(caller).udp;
        const Ends there = seen_by_backend(caller, *connection);
        const Ends here = seen_by_client(caller);
        const Outcome out = rig_.from_client(error(Ethernet{}, here, packet({}, turned(here), udp, Ack, true), false));
        RC_ASSERT(out.verdict == Verdict::redirect);
        RC_ASSERT(out.frame == error(to_backend(), there, packet({}, turned(there), udp, Ack, true), true).frame());
    }

    void compare_tables() {
        std::map<Caller, dataplane::Connection> table;
        for (const auto& connection : rig_.connections()) {
            table[caller_of(connection)] = connection;
        }
        RC_ASSERT(table.size() == model_.all().size());
        for (const auto& [caller, modelled] : model_.all()) {
            RC_LOG() << caller << '\n';
            RC_ASSERT(table.contains(caller));
            const auto& connection = table.at(caller);
            RC_ASSERT(life_of(connection.state) == modelled.life);
            RC_ASSERT(connection.backend.address == address(backend_address<Header>(modelled.backend)));
            RC_ASSERT(connection.proxy.has_value() != service_of(caller).keeps_client);
            RC_ASSERT(!connection.proxy || connection.proxy->port == modelled.port);
        }
        RC_ASSERT(rig_.plane().live_connections() == model_.live());
    }

    static Caller caller_of(const dataplane::Connection& connection) {
        Caller out{.port = connection.client.port};
        while (address(client_address<Header>(out.client)) != connection.client.address) {
            out.client++;
        }
        while (service_of(out).port != connection.vip.port) {
            out.service++;
        }
        return out;
    }

    static Life life_of(abi::abi_conn_state state) {
        switch (state) {
        case abi::ABI_SYN: return Life::syn;
        case abi::ABI_ESTABLISHED: return Life::established;
        case abi::ABI_CLOSING: return Life::closing;
        case abi::ABI_UDP: return Life::udp;
        default: return Life::closed;
        }
    }

    Rig rig_;
    NatModel model_;
    std::map<abi::abi_reason, std::uint64_t> refusals_;
    std::uint64_t unsolicited_ = 0;
};

} // namespace

TEMPLATE_TEST_CASE("a few conversations at once go as the model says", "[model]", Ipv4, Ipv6) {
    CHECK(rc::check("conversations", [] {
        constexpr int more = 4; // times as long as rapidcheck would make them
        const auto actions = *rc::gen::scale(more, rc::gen::container<std::vector<Action>>(any_action()));
        Pair<TestType> pair;
        for (const Action& action : actions) {
            pair.play(action);
        }
    }));
}

} // namespace proxip::packet
