#include <catch2/catch.hpp>

#include "packet/rig.hpp"

namespace proxip::packet {

namespace {

Config with_snat(Snat mode) {
    Config config = basic_config();
    config.services[0].snat = mode;
    config.services[1].snat = mode;
    return config;
}

dataplane::Path inline_path(const Rig& rig, int prefix) {
    auto path = rig.path();
    path.inline_prefix = prefix;
    return path;
}

} // namespace

TEST_CASE("snat = never translates the destination alone", "[snat]") {
    const Rig rig(with_snat(Snat::never));
    const Ipv4 kept{.destination = backend, .ttl = 63};
    CHECK(rig.from_client(Ethernet{} / Ipv4{} / Tcp{.flags = Syn}).frame ==
          Frame(to_backend() / kept / Tcp{.destination = backend_port, .flags = Syn}));
    const auto connection = rig.connection_of(client_port).value();
    CHECK_FALSE(connection.proxy.has_value());
    CHECK(connection.reason == abi::ABI_SNAT_NONE);
    CHECK(rig.from_backend(from_backend() / Ipv4{.source = backend, .destination = client} /
                           Tcp{.source = backend_port, .destination = client_port, .flags = Syn | Ack})
              .frame == Frame(to_client() / reply_translated() /
                              Tcp{.source = web_port, .destination = client_port, .flags = Syn | Ack}));
}

TEST_CASE("snat = never: a reply tuple that is taken is refused", "[snat]") {
    Config config = with_snat(Snat::never);
    config.services.push_back(config.services[0]); // another VIP port on the same backend
    config.services[2].name = "web2";
    config.services[2].address.ports = {81, 81};
    const Rig rig(config);
    REQUIRE(rig.say(client_port, Syn) == Verdict::redirect);
    const Outcome out = rig.from_client(Ethernet{} / Ipv4{} / Tcp{.destination = 81, .seq = 9, .flags = Syn});
    CHECK(rig.count(abi::ABI_TUPLE_TAKEN) == 1);
    CHECK(out.frame ==
          Frame(to_client() / Ipv4{.source = vip, .destination = client, .id = 0} /
                Tcp{.source = 81, .destination = client_port, .seq = 0, .ack = 10, .flags = Rst | Ack, .window = 0}));
    CHECK(rig.connections().size() == 1);

    rig.say(client_port, Rst | Ack);
    (void)rig.from_backend(from_backend() / Ipv4{.source = backend, .destination = client} /
                           Tcp{.source = backend_port, .destination = client_port, .flags = Rst});
    CHECK(rig.from_client(Ethernet{} / Ipv4{} / Tcp{.destination = 81, .flags = Syn}).verdict ==
          Verdict::redirect); // closed ones give way
    CHECK(rig.connections().size() == 1);
}

TEST_CASE("snat = auto keeps the client's address where the answer comes back by itself", "[snat]") {
    Rig rig(with_snat(Snat::automatic));
    SECTION("the backend is not on an inline network: off-path") {
        CHECK(rig.open() != client_port);
        CHECK(rig.connection_of(client_port)->reason == abi::ABI_SNAT_OFF_PATH);
    }
    SECTION("inline, and the client elsewhere: kept") {
        rig.paths(inline_path(rig, 24));
        CHECK(rig.open() == client_port);
        CHECK(rig.connection_of(client_port)->reason == abi::ABI_SNAT_NONE);
    }
    SECTION("inline, and the client on the backend's own segment: hairpin") {
        rig.paths(inline_path(rig, 24));
        const Ip neighbour = {203, 0, 113, 200};
        rig.open(client_port, neighbour);
        CHECK(rig.connection_of(client_port, neighbour)->reason == abi::ABI_SNAT_HAIRPIN);
    }
    SECTION("the segment ends where its prefix ends") {
        rig.paths(inline_path(rig, 28)); // .0 to .15
        const Ip outside = {203, 0, 113, 16};
        const Ip inside = {203, 0, 113, 15};
        rig.open(client_port, outside);
        rig.open(client_port, inside);
        CHECK(rig.connection_of(client_port, outside)->reason == abi::ABI_SNAT_NONE);
        CHECK(rig.connection_of(client_port, inside)->reason == abi::ABI_SNAT_HAIRPIN);
    }
}

TEST_CASE("snat = auto: a reply tuple that is taken gets a Proxy IP", "[snat]") {
    Config config = with_snat(Snat::automatic);
    config.services.push_back(config.services[0]);
    config.services[2].name = "web2";
    config.services[2].address.ports = {81, 81};
    Rig rig(config);
    rig.paths(inline_path(rig, 24));
    REQUIRE(rig.open() == client_port);
    CHECK(rig.from_client(Ethernet{} / Ipv4{} / Tcp{.destination = 81, .flags = Syn}).verdict == Verdict::redirect);
    bool found = false;
    for (const auto& connection : rig.connections()) {
        found =
            found || (connection.vip.port == 81 && connection.proxy && connection.reason == abi::ABI_SNAT_TUPLE_TAKEN);
    }
    CHECK(found);
    CHECK(rig.count(abi::ABI_TUPLE_TAKEN) == 0);
}

TEST_CASE("a server that calls its own VIP is sent to itself, and hears the Proxy IP", "[snat]") {
    const Rig rig;
    const Outcome asked = rig.from_backend(from_backend() / Ipv4{.source = backend} / Tcp{.flags = Syn});
    REQUIRE(asked.verdict == Verdict::redirect);
    const auto port = rig.connection_of(client_port, backend)->proxy->port;
    CHECK(asked.frame ==
          Frame(to_backend() / translated() / Tcp{.source = port, .destination = backend_port, .flags = Syn}));
    const Outcome answered = rig.from_backend(from_backend() / reply_ip() /
                                              Tcp{.source = backend_port, .destination = port, .flags = Syn | Ack});
    CHECK(answered.frame == Frame(to_backend() / Ipv4{.source = vip, .destination = backend, .ttl = 63} /
                                  Tcp{.source = web_port, .destination = client_port, .flags = Syn | Ack}));
}

namespace {

Config two_backends() {
    Config config = basic_config();
    for (Service& service : config.services) {
        service.backends.push_back(backend_at(backend2, service.backends[0].address.port));
    }
    return config;
}

policy::Available all_but(const Address& one) {
    return [one](const Service& /*service*/, const proxip::Backend& b) { return b.address.address != one; };
}
policy::Down only(const Address& one) {
    return [one](const Service& /*service*/, const proxip::Backend& b) { return b.address.address == one; };
}

} // namespace

TEST_CASE("UDP goes to another backend when its own goes down", "[snat]") {
    Rig rig(two_backends());
    rig.open_udp();
    const auto first = rig.connection_of(client_port)->backend.address;
    rig.install(two_backends(), all_but(first), only(first));
    rig.open_udp();
    CHECK(rig.connection_of(client_port)->backend.address != first);
    CHECK(rig.connections().size() == 1);
}

TEST_CASE("UDP stays with a backend that is drained", "[snat]") {
    Rig rig(two_backends());
    const auto port = rig.open_udp();
    const auto first = rig.connection_of(client_port)->backend.address;
    rig.install(two_backends(), all_but(first));
    CHECK(rig.open_udp() == port);
    CHECK(rig.connection_of(client_port)->backend.address == first);
}

TEST_CASE("TCP that was answered stays with a backend that goes down", "[snat]") {
    Rig rig(two_backends());
    const auto port = rig.open();
    const auto first = rig.connection_of(client_port)->backend.address;
    const Ip its_ip = first == address(backend) ? backend : backend2;
    rig.reply(port, Syn | Ack, its_ip);
    rig.say(client_port, Ack);
    rig.install(two_backends(), all_but(first), only(first));
    CHECK(rig.say(client_port, Ack) == Verdict::redirect);
    CHECK(rig.reply(port, Ack, its_ip) == Verdict::redirect);
    CHECK(rig.connection_of(client_port)->backend.address == first);
}

TEST_CASE("a SYN that was not answered before its backend went down goes to another", "[snat]") {
    Rig rig(two_backends());
    rig.open();
    const auto first = rig.connection_of(client_port)->backend.address;
    rig.install(two_backends(), all_but(first), only(first));
    rig.open();
    CHECK(rig.connection_of(client_port)->backend.address != first);
    CHECK(rig.connections().size() == 1);
}

} // namespace proxip::packet
