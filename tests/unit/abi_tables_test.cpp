#include <catch2/catch.hpp>

#include <regex>
#include <set>
#include <string>
#include <vector>

#include "model/config.hpp"
#include "policy/abi.hpp"

namespace {

namespace abi = proxip::abi;
namespace limits = proxip::limits;
using proxip::Address;
using proxip::Millis;

struct Reason {
    int id;
    std::string name;
    std::string help;
};

#define REASON_LINE(id, symbol, name, help) {id, name, help},
const std::vector<Reason> reasons = {ABI_REASONS(REASON_LINE, REASON_LINE)};
#undef REASON_LINE

} // namespace

TEST_CASE("reasons: ids are dense, names are unique words, each has its help", "[abi]") {
    REQUIRE(reasons.size() == abi::ABI_REASON_COUNT);
    std::set<std::string> names;
    for (std::size_t i = 0; i < reasons.size(); ++i) {
        INFO(reasons[i].name);
        CHECK(reasons[i].id == static_cast<int>(i));
        CHECK(std::regex_match(reasons[i].name, std::regex("[a-z][a-z_]*[a-z]")));
        CHECK(names.insert(reasons[i].name).second);
        CHECK(reasons[i].help.size() > 10);
    }
    for (const char* contract :
         {"proxy_ports_exhausted", "no_backend_available", "connection_table_full", "reply_tuple_taken"}) {
        CHECK(names.contains(contract));
    }
}

TEST_CASE("what the model allows fits into the kernel's tables", "[abi]") {
    CHECK(limits::max_services <= abi::ABI_MAX_SERVICES);
    CHECK(limits::max_backends <= abi::ABI_MAX_BACKENDS);
    CHECK(limits::max_sources <= abi::ABI_MAX_SOURCES);
    CHECK(limits::max_proxy_addresses <= abi::ABI_MAX_PROXIES);
    CHECK(limits::max_pool_addresses <= abi::ABI_MAX_POOL_ADDRESSES);
    CHECK(limits::max_service_ports * 2 <= abi::ABI_MAX_MATCHES); // both halves
    CHECK(limits::max_port_segments <= abi::ABI_RING_SEGMENTS);
    CHECK(limits::max_services + limits::max_proxy_addresses <= abi::ABI_MAX_LOCALS);
    CHECK(limits::max_backends_per_service <= 65536); // a lookup entry has 16 bits
    CHECK(limits::max_backends <= abi::ABI_MAX_BINDINGS);
    CHECK(limits::max_backends <= abi::ABI_MAX_ENDPOINTS);
}

TEST_CASE("times become ticks, and never shorter ones", "[abi]") {
    using proxip::policy::to_ticks;
    CHECK(to_ticks(Millis(0)) == 0);
    CHECK(to_ticks(Millis(1)) == 1);
    CHECK(to_ticks(Millis(134)) == 1);
    CHECK(to_ticks(Millis(135)) == 2);
    for (const Millis time : {limits::min_idle_timeout, Millis(7'440'000), limits::max_timeout}) {
        const double seconds = static_cast<double>(time.count()) / 1000;
        CHECK(proxip::policy::tick_seconds(to_ticks(time)) >= seconds);
        CHECK(proxip::policy::tick_seconds(to_ticks(time)) < seconds + 0.135);
    }
}

TEST_CASE("addresses go to the tables and back unchanged", "[abi]") {
    for (const char* text : {"192.0.2.80", "0.0.0.1", "255.255.255.254", "2001:db8::80", "::1"}) {
        const Address address = Address::parse(text).value();
        const auto family = proxip::policy::to_abi(address.family);
        CHECK(proxip::policy::from_abi(proxip::policy::to_abi(address), family).text() == text);
    }
    const auto v4 = proxip::policy::to_abi(Address::parse("192.0.2.80").value());
    CHECK(v4.word[1] == 0);
    CHECK(v4.word[2] == 0);
    CHECK(v4.word[3] == 0);
    CHECK(proxip::policy::swap_port(0x1234) == 0x3412);
    for (const auto protocol : {proxip::Protocol::tcp, proxip::Protocol::udp}) {
        CHECK(proxip::policy::protocol_from_abi(proxip::policy::to_abi(protocol)) == protocol);
    }
}
