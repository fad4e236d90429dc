#include <catch2/catch.hpp>

#include "policy/identities.hpp"
#include "policy/rings.hpp"

namespace {

using proxip::Address;
using proxip::policy::collect;
using proxip::policy::Identities;
using proxip::policy::IdTable;
using proxip::policy::References;

Address ip(const char* text) {
    return Address::parse(text).value();
}

} // namespace

TEST_CASE("ids are dense, and the same key has the same id", "[policy]") {
    IdTable<int> table(10);
    bool fresh = false;
    CHECK(table.obtain(70, &fresh).value() == 0);
    CHECK(fresh);
    CHECK(table.obtain(80, &fresh).value() == 1);
    CHECK(table.obtain(70, &fresh).value() == 0);
    CHECK_FALSE(fresh);
    CHECK(table.find(80) == 1U);
    CHECK_FALSE(table.find(90).has_value());
}

TEST_CASE("an id that was given back is the next to be used", "[policy]") {
    IdTable<int> table(10);
    for (int key = 0; key < 4; ++key) {
        REQUIRE(table.obtain(key).has_value());
    }
    table.release(2);
    table.release(1);
    table.release(77); // never there
    CHECK(table.obtain(100).value() == 1);
    CHECK(table.obtain(101).value() == 2);
    CHECK(table.obtain(102).value() == 4);
}

TEST_CASE("a full table refuses, and what is known stays known", "[policy]") {
    IdTable<int> table(2);
    REQUIRE(table.obtain(1).has_value());
    REQUIRE(table.obtain(2).has_value());
    const auto refused = table.obtain(3);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == proxip::ErrorCode::refused);
    CHECK(table.obtain(1).value() == 0);
    table.release(1);
    CHECK(table.obtain(3).value() == 0);
}

TEST_CASE("adopted ids leave their gaps free", "[policy]") {
    IdTable<int> table(10);
    table.adopt(50, 3);
    table.adopt(60, 1);
    CHECK(table.find(50) == 3U);
    CHECK(table.obtain(1).value() == 0);
    CHECK(table.obtain(2).value() == 2);
    CHECK(table.obtain(3).value() == 4);
}

TEST_CASE("collect gives back what neither the configuration nor a connection names", "[policy]") {
    Identities ids;
    const auto kept = ids.proxies.obtain(ip("192.0.2.1")).value();
    const auto open = ids.proxies.obtain(ip("192.0.2.2")).value();
    const auto gone = ids.proxies.obtain(ip("192.0.2.3")).value();
    const auto binding = ids.bindings.obtain({.service = 0, .endpoint = 9}).value();

    References configured;
    configured.proxies = {kept};
    References connections;
    connections.proxies = {open};
    const References freed = collect(ids, configured, connections);

    CHECK(freed.proxies == std::set{gone});
    CHECK(freed.bindings == std::set{binding});
    CHECK(freed.rings.empty());
    CHECK(ids.proxies.find(ip("192.0.2.1")) == kept);
    CHECK(ids.proxies.find(ip("192.0.2.2")) == open);
    CHECK_FALSE(ids.proxies.find(ip("192.0.2.3")).has_value());
    CHECK(ids.proxies.obtain(ip("192.0.2.4")).value() == gone);
}

TEST_CASE("rings of a range that the pool had before are not current", "[policy]") {
    proxip::Config config;
    config.pools.push_back({.name = "default",
                            .addresses = {proxip::AddressRange::parse("192.0.2.1").value()},
                            .ports = {.first = 2000, .last = 2099},
                            .exclude_ports = {{.first = 2010, .last = 2019}}});
    Identities ids;
    const auto proxy = ids.proxies.obtain(ip("192.0.2.1")).value();
    const auto other = ids.proxies.obtain(ip("192.0.2.2")).value(); // in no pool any more
    const std::vector<proxip::PortRange> now{{2000, 2009}, {2020, 2099}};
    REQUIRE(ids.rings.obtain({.proxy = proxy, .endpoint = 0, .segments = {{2000, 2099}}}));
    REQUIRE(ids.rings.obtain({.proxy = other, .endpoint = 0, .segments = now}));
    const auto current = ids.rings.obtain({.proxy = proxy, .endpoint = 0, .segments = now}).value();
    CHECK(proxip::policy::current_rings(config, ids) == std::vector{current});
}

TEST_CASE("a collected ring gives its memory back", "[policy]") {
    Identities ids;
    const auto ring = ids.rings.obtain({.proxy = 0, .endpoint = 0, .segments = {{1, 65535}}}).value();
    const auto first = ids.memory.place({65535}).value();
    ids.ring_places[ring] = first.places[0];

    CHECK(collect(ids, {}, {}).rings == std::set{ring});
    CHECK(ids.ring_places.empty());
    const auto again = ids.memory.place({65535}).value();
    CHECK(again.new_chunk_slabs == 0);
    CHECK(again.places[0] == first.places[0]);
}
