#include <catch2/catch.hpp>

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <rapidcheck.h>

#include "model/codec.hpp"
#include "model/diff.hpp"

// Properties of the codec over configurations that pass validate().

namespace {

namespace gen = rc::gen;
using proxip::Address;
using proxip::AddressRange;
using proxip::Config;
using proxip::Family;
using proxip::Format;
using proxip::Millis;
using proxip::PortRange;
using proxip::Service;

Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    Address address;
    address.bytes = {a, b, c, d};
    return address;
}

std::uint8_t byte() {
    return *gen::arbitrary<std::uint8_t>();
}

template <typename T>
T within(T first, T last) { // both included
    return static_cast<T>(
        *gen::inRange<std::int64_t>(static_cast<std::int64_t>(first), static_cast<std::int64_t>(last) + 1));
}

std::string name() {
    const auto letters = gen::elementOf(std::string{"abcXYZ019_.-"});
    return fmt::format("n{}", *gen::container<std::string>(letters));
}

Millis duration(Millis least) {
    return Millis{within<std::int64_t>(least.count(), *gen::element<std::int64_t>(2'000, 100'000'000, 2'592'000'000))};
}

PortRange ports() {
    const auto first = within<std::uint16_t>(1, 65535);
    return {first, within<std::uint16_t>(first, 65535)};
}

Address any_address() {
    Address address;
    address.family = *gen::element(Family::v4, Family::v6);
    for (std::size_t i = 0; i < static_cast<std::size_t>(address.bits() / 8); ++i) {
        address.bytes.at(i) = *gen::element<std::uint8_t>(0, 0, 1, 255, byte());
    }
    return address;
}

proxip::AgentConfig agent() {
    proxip::AgentConfig out;
    const auto interfaces = within(0, 3);
    for (int i = 0; i < interfaces; ++i) {
        using proxip::XdpMode;
        out.interfaces.push_back({.name = fmt::format("eth{}", i), .xdp_mode = {}});
        if (*gen::arbitrary<bool>()) {
            out.interfaces.back().xdp_mode = *gen::element(XdpMode::automatic, XdpMode::native, XdpMode::generic);
        }
    }
    out.xdp_mode = *gen::element(proxip::XdpMode::automatic, proxip::XdpMode::native, proxip::XdpMode::generic);
    out.metrics = *gen::element<std::string>("", "127.0.0.1:9631", "[::1]:80", "0.0.0.0:1");
    out.max_connections = within(proxip::limits::min_connections, proxip::limits::max_connections);
    out.max_port_memory = *gen::arbitrary<std::uint64_t>();
    if (*gen::arbitrary<bool>()) {
        out.inline_networks = {*proxip::Prefix::parse("10.0.0.0/8"), *proxip::Prefix::parse("2001:db8::/48")};
    }
    if (*gen::arbitrary<bool>()) {
        out.nat_log = {.enabled = *gen::arbitrary<bool>(),
                       .keep = proxip::Millis{within(1000, 1'000'000'000)},
                       .max_size = within<std::uint64_t>(1U << 20U, 1ULL << 40U),
                       .buffer = 1ULL << within(16, 30),
                       .destinations = *gen::arbitrary<bool>(),
                       .json = *gen::element<std::string>("", "/var/log/nat \"x\".json")};
    }
    return out;
}

// Pools in 10.N.0.0/16, VIPs in 20.0.0.0/8, backends in 30.0.0.0/8: they cannot clash.
proxip::ProxyPool pool(std::uint8_t number) {
    proxip::ProxyPool out{.name = fmt::format("p{}", number), .addresses = {}, .ports = ports(), .exclude_ports = {}};
    const auto ranges = within<std::uint8_t>(1, 4);
    for (std::uint8_t i = 0; i < ranges; ++i) {
        const auto first = byte();
        out.addresses.push_back(
            {v4(10, number, i, first),
             v4(10, number, i, within<std::uint8_t>(first, static_cast<std::uint8_t>(std::min(255, first + 60))))});
    }
    if (out.ports.last - out.ports.first > 10 && *gen::arbitrary<bool>()) {
        const auto hole = within<std::uint16_t>(static_cast<std::uint16_t>(out.ports.first + 1), out.ports.last);
        out.exclude_ports = {{hole, hole}, ports()};
        if (out.port_count() == 0) {
            out.exclude_ports.pop_back();
        }
    }
    out.max_ports_per_client = *gen::element(0U, 1U, 100U);
    return out;
}

proxip::Check check() {
    proxip::Check out;
    using enum proxip::CheckType;
    out.type = *gen::element(none, tcp, http, https, icmp, udp);
    out.path = *gen::element<std::string>("/", "/healthz?a=b#c", "/\"\\");
    out.host = *gen::element<std::string>("", "www.example.org", "2001:db8::1");
    out.status = *proxip::StatusSet::parse(*gen::element<std::string>("200-399", "200,204", "100-599", "418"));
    out.verify = *gen::arbitrary<bool>();
    out.ca_file = *gen::element<std::string>("", "/etc/ssl/certs/ca.pem");
    out.send = *gen::container<std::string>(gen::inRange<char>(0, 127));
    out.expect = *gen::element<std::string>("", "pong", "\x7f\n\t\"", "\xc3\xa9");
    out.port = within<std::uint16_t>(1, 65535);
    out.interval = duration(proxip::limits::min_interval);
    out.timeout = duration(proxip::limits::min_check_timeout);
    if (*gen::arbitrary<bool>()) {
        out.jitter = within(Millis{0}.count(), out.interval.count() / 2) * Millis{1};
    }
    out.rise = within<std::uint32_t>(1, 100);
    out.fall = within<std::uint32_t>(1, 100);
    return out;
}

Service service(std::uint8_t number, const std::vector<proxip::ProxyPool>& pools) {
    using enum proxip::Scheduler;
    Service out;
    out.name = fmt::format("{}{}", name().substr(0, 60), number);
    out.address = {.protocol = *gen::element(proxip::Protocol::tcp, proxip::Protocol::udp),
                   .address = v4(20, number, byte(), byte()),
                   .ports = *gen::element(PortRange{}, PortRange{80, 80}, PortRange{1000, 1010})};
    out.scheduler = *gen::element(maglev, round_robin, least_connections, source_hash);
    out.snat = pools.empty() ? proxip::Snat::never
                             : *gen::element(proxip::Snat::always, proxip::Snat::automatic, proxip::Snat::never);
    out.pool = pools.empty() ? "default" : (*gen::elementOf(pools)).name;
    out.on_failure = *gen::element(proxip::OnFailure::reset, proxip::OnFailure::drop);
    out.on_down = *gen::element(proxip::OnDown::keep, proxip::OnDown::reset);
    out.on_all_down = *gen::element(proxip::OnAllDown::fail, proxip::OnAllDown::keep_last);
    out.min_up = *gen::element(0U, 1U, 1024U);
    out.slow_start = *gen::element(Millis{0}, Millis{1000}, Millis{30'001});
    out.max_connections = *gen::element(0U, 1U, 20000U);
    out.max_connections_per_client = *gen::element(0U, 1U, 100U);
    out.affinity = *gen::element(Millis{0}, Millis{60'000});
    out.on_idle = *gen::element(proxip::OnIdle::silent, proxip::OnIdle::reset);
    if (*gen::arbitrary<bool>()) {
        out.allow = {proxip::Prefix{.base = v4(10, 0, 0, 0), .length = 8}};
    }
    for (Millis* timeout : {&out.idle_timeout.syn, &out.idle_timeout.udp, &out.idle_timeout.closed}) {
        *timeout = *gen::arbitrary<bool>() ? duration(proxip::limits::min_idle_timeout) : *timeout;
    }
    out.check = *gen::arbitrary<bool>() ? check() : proxip::Check{};
    const auto backends = within<std::uint8_t>(0, 5);
    for (std::uint8_t i = 0; i < backends; ++i) {
        out.backends.push_back(
            {.address = {.address = v4(30, byte(), byte(), i), .port = within<std::uint16_t>(1, 65535)},
             .weight = within<std::uint32_t>(0, 256),
             .backup = *gen::arbitrary<bool>(),
             .max_connections = *gen::element(0U, 7U),
             .enabled = *gen::element<std::optional<bool>>(std::nullopt, true, false)});
    }
    return out;
}

Config config() {
    Config out{.agent = agent(), .pools = {}, .services = {}};
    const auto pools = within<std::uint8_t>(0, 3);
    for (std::uint8_t i = 0; i < pools; ++i) {
        out.pools.push_back(pool(i));
    }
    const auto services = within<std::uint8_t>(0, 5);
    for (std::uint8_t i = 0; i < services; ++i) {
        out.services.push_back(service(i, out.pools));
    }
    return out;
}

Config large(int services, int backends) {
    Config out;
    out.pools = {{.name = "default", .addresses = {*AddressRange::parse("10.0.0.1")}, .exclude_ports = {}}};
    for (int s = 0; s < services; ++s) {
        Service next;
        next.name = fmt::format("service-{}", s);
        next.address = *proxip::ServiceAddress::parse(fmt::format("tcp://20.0.{}.{}:80", s / 256, s % 256));
        for (int b = 0; b < backends; ++b) {
            next.backends.push_back(
                {.address = *proxip::SocketAddress::parse(fmt::format("30.{}.{}.{}:80", s / 256, s % 256, b + 1)),
                 .enabled = {}});
        }
        out.services.push_back(std::move(next));
    }
    return out;
}

} // namespace

TEST_CASE("what is written is read back the same", "[model][property]") {
    CHECK(rc::check("TOML", [] {
        const Config wanted = config();
        const auto valid = proxip::validate(wanted);
        RC_LOG() << (valid ? "" : valid.error().text());
        RC_ASSERT(valid.has_value());
        const auto parsed = proxip::parse_config(proxip::write_config(wanted, Format::toml), "toml");
        RC_LOG() << (parsed ? "" : parsed.error().text());
        RC_ASSERT(parsed.has_value());
        RC_ASSERT(*parsed == wanted);
        RC_ASSERT(proxip::diff(*parsed, wanted).empty());
    }));
    CHECK(rc::check("JSON", [] {
        const Config wanted = config();
        const auto parsed = proxip::parse_config(proxip::write_config(wanted, Format::json), "json");
        RC_LOG() << (parsed ? "" : parsed.error().text());
        RC_ASSERT(parsed.has_value());
        RC_ASSERT(*parsed == wanted);
        RC_ASSERT(*proxip::config_from_json(proxip::to_json(wanted)) == wanted);
    }));
}

TEST_CASE("two configurations that differ have a diff", "[model][property]") {
    CHECK(rc::check("diff", [] {
        const Config one = config();
        const Config other = config();
        RC_ASSERT(proxip::diff(one, other).empty() == (one == other));
    }));
}

TEST_CASE("address forms lead back", "[model][property]") {
    CHECK(rc::check("addresses and ranges", [] {
        const Address address = any_address();
        RC_ASSERT(*Address::parse(address.text()) == address);
        Address other = any_address();
        RC_PRE(other.family == address.family);
        const AddressRange range{std::min(address, other), std::max(address, other)};
        RC_ASSERT(*AddressRange::parse(range.text()) == range);
        const proxip::SocketAddress socket{.address = address, .port = *gen::arbitrary<std::uint16_t>()};
        RC_ASSERT(*proxip::SocketAddress::parse(socket.text()) == socket);
    }));
    CHECK(rc::check("durations and sizes", [] {
        const Millis value{within<std::int64_t>(0, *gen::element<std::int64_t>(100'000, 10'000'000'000))};
        RC_ASSERT(*proxip::parse_duration(proxip::duration_text(value)) == value);
        const std::uint64_t bytes = *gen::arbitrary<std::uint64_t>() << *gen::inRange(0U, 63U);
        RC_ASSERT(*proxip::parse_bytes(proxip::bytes_text(bytes)) == bytes);
    }));
}

TEST_CASE("damaged text is parsed or refused with a place", "[model][property]") {
    CHECK(rc::check("damage", [] {
        std::string text = proxip::write_config(config(), *gen::element(Format::toml, Format::json));
        const auto damages = within(1, 4);
        for (int i = 0; i < damages && !text.empty(); ++i) {
            const auto at = within<std::size_t>(0, text.size() - 1);
            const auto junk = *gen::element<std::string>("", "\"", "[", "]", "{", "}", "=", ".", "\n", "''", "#", "\\",
                                                         "0", std::string(1, '\0'), "\xff");
            text.replace(at, within<std::size_t>(0, 3), junk);
        }
        const auto parsed = proxip::parse_config(text, "file");
        if (parsed) {
            RC_ASSERT(proxip::validate(*parsed).has_value());
            return;
        }
        RC_ASSERT(parsed.error().path.starts_with("file"));
        RC_ASSERT(!parsed.error().message.empty());
        RC_ASSERT(std::ranges::all_of(parsed.error().text(), [](char c) { return c >= ' ' && c <= '~'; }));
    }));
}

TEST_CASE("a thousand services of ten backends are read", "[model]") {
    const Config wanted = large(1000, 10);
    const std::string text = proxip::write_config(wanted, Format::toml);
    const auto parsed = proxip::parse_config(text, "large");
    REQUIRE(parsed);
    CHECK(*parsed == wanted);
}

TEST_CASE("the largest configuration is validated and compared", "[model]") {
    const Config wanted = large(8192, 4);
    CHECK(proxip::validate(wanted));
    CHECK(proxip::diff(wanted, wanted).empty());
}
