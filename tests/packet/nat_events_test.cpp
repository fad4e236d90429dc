// What the NAT log hears: each connection with a Proxy IP once when it begins and once when it ends, and nothing of any
// other packet.

#include <chrono>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <time.h> // NOLINT(modernize-deprecated-headers) clock_gettime

#include "packet/rig.hpp"

namespace proxip::packet {

namespace nat_events_test {
namespace {

using dataplane::NatEvent;

class Ear {
  public:
    explicit Ear(const Rig& rig) : rig_(rig) { rig.plane().tell_nat(true); }
    Ear(const Ear&) = delete;
    Ear& operator=(const Ear&) = delete;
    ~Ear() { rig_.plane().tell_nat(false); }

    [[nodiscard]] std::vector<NatEvent> heard() const {
        std::vector<NatEvent> out;
        rig_.plane().read_nat_events([&](const NatEvent& event) { out.push_back(event); });
        return out;
    }
    [[nodiscard]] std::string kinds() const {
        std::string out;
        for (const NatEvent& event : heard()) {
            out += event.opened ? "+" : "-";
        }
        return out;
    }

  private:
    const Rig& rig_;
};

std::uint64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

std::string until(const Ear& ear, std::size_t events) {
    std::string heard;
    for (int tries = 0; heard.size() < events && tries < 1000; ++tries) {
        heard += ear.kinds();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return heard;
}

} // namespace

TEST_CASE("a connection is told of when it begins and when it ends, once each", "[nat]") {
    const Rig rig;
    const Ear ear(rig);
    const auto before = now_ns();
    const auto port = rig.open();
    const auto begun = ear.heard();
    REQUIRE(begun.size() == 1);
    const auto connection = rig.connection_of(client_port);
    REQUIRE(connection);
    CHECK(begun[0].opened);
    CHECK(begun[0].protocol == Protocol::tcp);
    CHECK(begun[0].client == connection->client);
    CHECK(begun[0].vip == connection->vip);
    CHECK(begun[0].proxy == *connection->proxy);
    CHECK(begun[0].proxy.port == port);
    CHECK(begun[0].backend == connection->backend);
    CHECK(begun[0].service == connection->service);
    CHECK(begun[0].since_ns == connection->opened_ns);
    CHECK(begun[0].since_ns >= before);
    CHECK(begun[0].at_ns <= now_ns());

    (void)rig.reply(port, Syn | Ack);
    (void)rig.say(client_port, Ack);
    (void)rig.say(client_port, Ack | Psh);
    CHECK(ear.kinds().empty());
    (void)rig.say(client_port, Fin | Ack);
    CHECK(ear.kinds().empty());
    (void)rig.reply(port, Fin | Ack);
    (void)rig.say(client_port, Ack);
    auto ended = ear.heard();
    REQUIRE(ended.size() == 1);
    CHECK_FALSE(ended[0].opened);
    CHECK(ended[0].at_ns >= ended[0].since_ns);
    ended[0].opened = true;
    ended[0].at_ns = begun[0].at_ns;
    CHECK(ended[0].client == begun[0].client);
    CHECK(ended[0].proxy == begun[0].proxy);
    CHECK(ended[0].since_ns == begun[0].since_ns);

    CHECK(rig.plane().end_connections([](const dataplane::Connection& /*any*/) { return true; }) == 1);
    while (!rig.connections().empty()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    CHECK(ear.kinds().empty()); // its end was told already
    CHECK(rig.count(abi::ABI_NAT_EVENTS_LOST) == 0);
}

TEST_CASE("UDP too, and one that is ended while it lives", "[nat]") {
    const Rig rig;
    const Ear ear(rig);
    REQUIRE(rig.open_udp() != 0);
    REQUIRE(rig.establish(40001) != 0);
    CHECK(ear.kinds() == "++");
    CHECK(rig.plane().end_connections([](const dataplane::Connection& /*any*/) { return true; }) == 2);
    CHECK(until(ear, 2) == "--");
}

TEST_CASE("IPv6", "[nat]") {
    const Rig rig(ipv6_config());
    const Ear ear(rig);
    REQUIRE(rig.open(Ethernet{} / Ipv6{} / Tcp{.flags = Syn}) != 0);
    const auto heard = ear.heard();
    REQUIRE(heard.size() == 1);
    CHECK(heard[0].client.text() == "[2001:db8:1::7]:40000");
    CHECK(heard[0].proxy.address.text() == "2001:db8::254");
    CHECK(heard[0].backend.text() == "[2001:db8:2::11]:8080");
}

TEST_CASE("one that comes back to life begins and ends once more", "[nat]") {
    const Rig rig;
    const Ear ear(rig);
    const auto port = rig.establish();
    (void)rig.reply(port, Rst);
    CHECK(ear.kinds() == "+-");
    (void)rig.reply(port, Ack);
    CHECK(ear.kinds() == "+");
    (void)rig.reply(port, Rst);
    CHECK(ear.kinds() == "-");
}

TEST_CASE("who keeps its address is hidden by nobody", "[nat]") {
    Config config = basic_config();
    config.services[0].snat = Snat::never;
    const Rig rig(config);
    const Ear ear(rig);
    (void)rig.from_client(Ethernet{} / Ipv4{} / Tcp{.flags = Syn});
    REQUIRE(rig.connections().size() == 1);
    CHECK(ear.kinds().empty());
}

TEST_CASE("nothing is told when nobody wants to hear", "[nat]") {
    const Rig rig;
    const auto port = rig.establish();
    (void)rig.reply(port, Rst);
    const Ear ear(rig);
    CHECK(ear.kinds().empty());
    (void)rig.open(40001);
    rig.plane().tell_nat(false);
    (void)rig.open(40002);
    CHECK(ear.kinds() == "+");
}

TEST_CASE("in a full buffer the loss is counted, and connections go on", "[nat]") {
    const Rig rig;
    const Ear ear(rig);
    const auto room = rig.plane().nat_buffer() / (sizeof(abi::abi_nat_event) + 8);
    std::size_t told = 0;
    for (std::uint16_t port = 1024; rig.count(abi::ABI_NAT_EVENTS_LOST) == 0 && told <= 2 * room; ++port) {
        const auto proxy_port = rig.open(port == 0 ? std::uint16_t{1} : port);
        REQUIRE(proxy_port != 0);
        (void)rig.reply(proxy_port, Rst);
        told += 2;
    }
    const auto lost = rig.count(abi::ABI_NAT_EVENTS_LOST);
    CHECK(lost >= 1);
    CHECK(rig.plane().nat_events_lost() >= lost);
    const auto port = rig.establish(500);
    CHECK(rig.say(500, Ack) == Verdict::redirect);
    CHECK(rig.reply(port, Ack) == Verdict::redirect);
    const auto lost_in_all = rig.count(abi::ABI_NAT_EVENTS_LOST);
    CHECK(lost_in_all == lost + 1);
    std::size_t heard = ear.heard().size();
    heard += ear.heard().size();
    CHECK(heard == told + 1 - lost_in_all);
    (void)rig.reply(port, Rst);
    CHECK(ear.kinds() == "-");
    CHECK(rig.count(abi::ABI_NAT_EVENTS_LOST) == lost_in_all);
}

} // namespace nat_events_test
} // namespace proxip::packet
