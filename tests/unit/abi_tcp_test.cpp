#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include <fmt/format.h>
#include <rapidcheck.h>

#include "bpf/abi/tcp.h"

namespace {

using proxip::abi::abi_conn_word;
using proxip::abi::abi_tcp_next;

enum Side : std::uint8_t { backend = 0, client = 1 };

constexpr std::uint8_t SYN = proxip::abi::ABI_TCP_SYN;
constexpr std::uint8_t ACK = proxip::abi::ABI_TCP_ACK;
constexpr std::uint8_t FIN = proxip::abi::ABI_TCP_FIN;
constexpr std::uint8_t RST = proxip::abi::ABI_TCP_RST;

constexpr std::uint8_t OPENED = proxip::abi::ABI_SYN; // the state that the first SYN makes
constexpr std::uint8_t ESTABLISHED = proxip::abi::ABI_ESTABLISHED;
constexpr std::uint8_t CLOSING = proxip::abi::ABI_CLOSING;
constexpr std::uint8_t CLOSED = proxip::abi::ABI_CLOSED;

struct Step {
    Side from;
    std::uint8_t flags;
    std::uint8_t state; // after it
};

struct Scene {
    std::string name;
    std::vector<Step> steps;
    bool backend_first = false; // who closed first, in the end
};

const std::vector<Step> handshake = {{backend, SYN | ACK, OPENED}, {client, ACK, ESTABLISHED}};

std::vector<Step> after_handshake(const std::vector<Step>& steps) {
    auto out = handshake;
    out.insert(out.end(), steps.begin(), steps.end());
    return out;
}

// Each scene begins with the client's SYN, which made the connection.
std::vector<Scene> scenes() {
    return {
        {"handshake", handshake},
        {"data needs no state", after_handshake({{client, ACK, ESTABLISHED}, {backend, ACK, ESTABLISHED}})},
        {"the client retransmits its SYN",
         {{client, SYN, OPENED}, {backend, SYN | ACK, OPENED}, {client, ACK, ESTABLISHED}}},
        {"an ACK before the SYN-ACK establishes nothing", {{client, ACK, OPENED}, {client, ACK, OPENED}}},
        {"the backend alone establishes nothing", {{backend, SYN | ACK, OPENED}, {backend, ACK, OPENED}}},
        {"the client closes first (RFC 9293 figure 12)", after_handshake({{client, FIN | ACK, CLOSING},
                                                                          {backend, ACK, CLOSING},
                                                                          {backend, FIN | ACK, CLOSING},
                                                                          {client, ACK, CLOSED}})},
        {"the backend closes first",
         after_handshake({{backend, FIN | ACK, CLOSING},
                          {client, ACK, CLOSING},
                          {client, FIN | ACK, CLOSING},
                          {backend, ACK, CLOSED}}),
         true},
        {"FIN and ACK of FIN in one segment",
         after_handshake({{client, FIN | ACK, CLOSING}, {backend, FIN | ACK, CLOSING}, {client, ACK, CLOSED}})},
        {"both close at once (RFC 9293 figure 13), client seen first", after_handshake({{client, FIN | ACK, CLOSING},
                                                                                        {backend, FIN | ACK, CLOSING},
                                                                                        {backend, ACK, CLOSING},
                                                                                        {client, ACK, CLOSED}})},
        {"both close at once, backend seen first",
         after_handshake({{backend, FIN | ACK, CLOSING},
                          {client, FIN | ACK, CLOSING},
                          {client, ACK, CLOSING},
                          {backend, ACK, CLOSED}}),
         true},
        {"half-closed: the backend goes on sending",
         after_handshake(
             {{client, FIN | ACK, CLOSING}, {backend, ACK, CLOSING}, {client, ACK, CLOSING}, {backend, ACK, CLOSING}})},
        {"a FIN sent again changes nothing",
         after_handshake({{client, FIN | ACK, CLOSING}, {client, FIN | ACK, CLOSING}, {backend, ACK, CLOSING}})},
        {"what comes after the end changes nothing", after_handshake({{client, FIN | ACK, CLOSING},
                                                                      {backend, FIN | ACK, CLOSING},
                                                                      {client, ACK, CLOSED},
                                                                      {backend, FIN | ACK, CLOSED},
                                                                      {client, ACK, CLOSED}})},
        {"FIN in SYN state (the ACK was lost)",
         {{backend, SYN | ACK, OPENED},
          {client, FIN | ACK, CLOSING},
          {backend, FIN | ACK, CLOSING},
          {client, ACK, CLOSED}}},
        {"the client resets", after_handshake({{client, RST | ACK, CLOSED}})},
        {"the backend resets", after_handshake({{backend, RST, CLOSED}})},
        {"a reset ends what was closing", after_handshake({{client, FIN | ACK, CLOSING}, {backend, RST, CLOSED}})},
        {"the other side goes on after a reset: it has not heard of it yet",
         after_handshake({{client, RST, CLOSED}, {backend, ACK, CLOSED}, {backend, ACK, CLOSED}})},
        {"a forged RST of the client: both sides go on (RFC 5961 section 3)",
         after_handshake({{client, RST, CLOSED},
                          {backend, ACK, CLOSED},
                          {client, ACK, CLOSING},
                          {backend, ACK, ESTABLISHED},
                          {client, ACK, ESTABLISHED}})},
        {"a forged RST of the backend: both sides go on",
         after_handshake(
             {{backend, RST, CLOSED}, {client, ACK, CLOSED}, {backend, ACK, CLOSING}, {client, ACK, ESTABLISHED}})},
        {"a RST that overtook its sender's last data",
         after_handshake({{client, RST, CLOSED}, {client, ACK, CLOSING}, {client, ACK, CLOSING}})},
        {"a second RST after that",
         after_handshake({{client, RST, CLOSED}, {client, ACK, CLOSING}, {client, RST, CLOSED}})},
        {"a forged RST does not undo a FIN",
         after_handshake(
             {{client, FIN | ACK, CLOSING}, {client, RST, CLOSED}, {client, ACK, CLOSING}, {backend, ACK, CLOSING}})},
        {"a port in the server's TIME_WAIT: challenge ACK, RST, the SYN again (RFC 5961 section 4)",
         {{backend, ACK, OPENED},
          {client, RST, OPENED},
          {client, SYN, OPENED},
          {backend, SYN | ACK, OPENED},
          {client, ACK, ESTABLISHED}}},
        {"a closed port answers the SYN", {{backend, RST | ACK, CLOSED}}},
        {"the client gives up after the SYN-ACK", {{backend, SYN | ACK, OPENED}, {client, RST, CLOSED}}},
    };
}

} // namespace

TEST_CASE("TCP: each packet moves the connection to the state it should", "[abi]") {
    for (const Scene& scene : scenes()) {
        abi_conn_word word{.generation = 7, .state = OPENED, .flags = proxip::abi::ABI_CONN_SNAT, .zero = 0};
        std::size_t number = 0;
        for (const Step& step : scene.steps) {
            INFO(scene.name << ", step " << ++number);
            word = abi_tcp_next(word, step.from, step.flags);
            CHECK(int{word.state} == int{step.state});
        }
        INFO(scene.name);
        CHECK(((word.flags & proxip::abi::ABI_CONN_BACKEND_FIRST) != 0) == scene.backend_first);
    }
}

TEST_CASE("TCP: a reset of what is closed already is not remembered", "[abi]") {
    const abi_conn_word closed{.generation = 1, .state = CLOSED, .flags = proxip::abi::ABI_CONN_FIN_CLIENT, .zero = 0};
    const abi_conn_word after = abi_tcp_next(closed, client, RST);
    CHECK(int{after.flags} == int{closed.flags});
    CHECK(int{abi_tcp_next(after, client, ACK).state} == int{CLOSED});
}

TEST_CASE("TCP: whatever comes, a connection stays one, and what is not TCP's is left alone", "[abi]") {
    constexpr std::uint8_t others = proxip::abi::ABI_CONN_SNAT | proxip::abi::ABI_CONN_IN_RING;
    const bool held = rc::check("any packets", [] {
        abi_conn_word word{.generation = *rc::gen::arbitrary<std::uint32_t>(),
                           .state = OPENED,
                           .flags = static_cast<std::uint8_t>(*rc::gen::arbitrary<std::uint8_t>() & others),
                           .zero = 0};
        const abi_conn_word before = word;
        for (const auto& [from, flags] : *rc::gen::arbitrary<std::vector<std::pair<bool, std::uint8_t>>>()) {
            word = abi_tcp_next(word, from ? 1 : 0, flags);
            RC_ASSERT(word.generation == before.generation);
            RC_ASSERT((word.flags & others) == (before.flags & others));
            RC_ASSERT(word.state == OPENED || word.state == ESTABLISHED || word.state == CLOSING ||
                      word.state == CLOSED);
        }
    });
    CHECK(held);
}

TEST_CASE("live states are those that hold their port", "[abi]") {
    for (std::uint8_t state = 0; state < proxip::abi::ABI_CONN_STATES; ++state) {
        const bool live = state == OPENED || state == ESTABLISHED || state == CLOSING || state == proxip::abi::ABI_UDP;
        CHECK((proxip::abi::abi_is_live(state) != 0) == live);
    }
}
