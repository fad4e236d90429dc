// The NAT log: what was written is found again, after a crash and a restart too; and it stays within its bounds.

#include <chrono>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <stdlib.h> // NOLINT(modernize-deprecated-headers) mkdtemp

#include "store/nat_log.hpp"

namespace store_nat_log_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using proxip::Moment;
using proxip::Protocol;
using proxip::SocketAddress;
using proxip::store::NatLog;
using proxip::store::NatQuery;
using proxip::store::NatRecord;
using proxip::store::NatSession;
using End = NatSession::End;

constexpr std::uint64_t second = 1'000'000'000;

SocketAddress at(const std::string& text) {
    return SocketAddress::parse(text).value();
}

struct TempFolder {
    fs::path path = make();
    TempFolder() = default;
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder() { fs::remove_all(path); }

    static fs::path make() {
        std::string name = (fs::temp_directory_path() / "natlogXXXXXX").string();
        return ::mkdtemp(name.data());
    }
    [[nodiscard]] std::vector<fs::path> segments() const {
        std::vector<fs::path> out;
        for (const auto& entry : fs::directory_iterator(path)) {
            out.push_back(entry.path());
        }
        std::ranges::sort(out);
        return out;
    }
    [[nodiscard]] std::uint64_t bytes() const {
        std::uint64_t sum = 0;
        for (const auto& segment : segments()) {
            sum += fs::file_size(segment);
        }
        return sum;
    }
};

// The clocks of the test: CLOCK_MONOTONIC is `second * n` at the moment of_day(n).
constexpr Moment boot{1'800'000'000s};
Moment of_day(std::uint64_t n) {
    return boot + std::chrono::seconds(n);
}

constexpr NatLog::Bounds wide{.keep = 24h, .max_size = 64ULL << 20};

std::unique_ptr<NatLog> open(const TempFolder& folder, NatLog::Bounds bounds = wide, Moment now = of_day(0)) {
    auto log = NatLog::open(folder.path, bounds, now).value();
    log->set_clock(boot.time_since_epoch());
    return log;
}

NatRecord opened(std::uint64_t since, const std::string& client = "198.51.100.7:40000",
                 const std::string& proxy = "192.0.2.254:1024", const std::string& backend = "203.0.113.11:80") {
    return {.opened = true,
            .protocol = Protocol::tcp,
            .since_ns = since * second,
            .at_ns = 0,
            .client = at(client),
            .proxy = at(proxy),
            .backend = at(backend),
            .vip = {},
            .service = "web"};
}

NatRecord closed(NatRecord record, std::uint64_t when) {
    record.opened = false;
    record.at_ns = when * second;
    return record;
}

std::vector<NatSession> ask(const NatLog& log, NatQuery query = {.proxy = at("192.0.2.254:1024")},
                            const std::vector<NatRecord>& live = {}, Moment now = of_day(1000)) {
    return log.find(query, live, now);
}

} // namespace

TEST_CASE("a connection is found while it lives, and with its end after", "[store]") {
    const TempFolder folder;
    auto log = open(folder);
    const auto one = opened(10);
    log->append(one);
    REQUIRE(log->flush(of_day(10)));
    auto found = ask(*log, {.proxy = one.proxy}, {one});
    REQUIRE(found.size() == 1);
    CHECK(found[0] == NatSession{.protocol = Protocol::tcp,
                                 .client = one.client,
                                 .backend = one.backend,
                                 .vip = {},
                                 .service = "web",
                                 .since = of_day(10),
                                 .until = {},
                                 .end = End::open});
    log->append(closed(one, 12));
    REQUIRE(log->flush(of_day(12)));
    found = ask(*log);
    REQUIRE(found.size() == 1);
    CHECK(found[0].until == of_day(12));
    CHECK(found[0].end == End::told);
    CHECK(ask(*log, {.proxy = at("192.0.2.254:1025")}).empty());
    CHECK(ask(*log, {.proxy = at("192.0.2.253:1024")}).empty());
}

TEST_CASE("one that lives is known without a record of it, and an end without a beginning", "[store]") {
    const TempFolder folder;
    auto log = open(folder);
    const auto found = ask(*log, {.proxy = opened(3).proxy}, {opened(3)});
    REQUIRE(found.size() == 1);
    CHECK(found[0].since == of_day(3));
    CHECK(found[0].end == End::open);
    log->append(closed(opened(3), 4));
    REQUIRE(log->flush(of_day(4)));
    REQUIRE(ask(*log).size() == 1);
    CHECK(ask(*log)[0].since == of_day(3));
}

TEST_CASE("by time, by backend, by protocol; newest first", "[store]") {
    const TempFolder folder;
    auto log = open(folder);
    const auto first = opened(10);
    const auto second_one = opened(20, "198.51.100.8:5");
    const auto other = opened(20, "198.51.100.9:6", "192.0.2.254:1024", "203.0.113.12:80");
    auto udp = opened(15, "198.51.100.7:53");
    udp.protocol = Protocol::udp;
    for (const auto& record : {first, closed(first, 12), udp, second_one, other, closed(second_one, 30)}) {
        log->append(record);
    }
    REQUIRE(log->flush(of_day(30)));
    const auto clients = [&](const NatQuery& query) {
        std::string out;
        for (const auto& one : ask(*log, query, {other, udp})) {
            out += one.client.text() + " ";
        }
        return out;
    };
    const auto proxy = first.proxy;
    CHECK(ask(*log).size() == 4);
    CHECK(clients({.proxy = proxy, .protocol = Protocol::udp}) == "198.51.100.7:53 ");
    CHECK(clients({.proxy = proxy, .protocol = Protocol::tcp, .backend = at("203.0.113.11:80")}) ==
          "198.51.100.8:5 198.51.100.7:40000 ");
    CHECK(clients({.proxy = proxy, .backend = at("203.0.113.12")}) == "198.51.100.9:6 ");
    CHECK(clients({.proxy = proxy, .at = of_day(9)}).empty());
    CHECK(clients({.proxy = proxy, .at = of_day(12)}) == "198.51.100.7:40000 ");
    CHECK(clients({.proxy = proxy, .at = of_day(13)}).empty());
    CHECK(clients({.proxy = proxy, .protocol = Protocol::tcp, .at = of_day(31)}) == "198.51.100.9:6 ");
}

TEST_CASE("one that came back to life ends once more", "[store]") {
    const TempFolder folder;
    auto log = open(folder);
    const auto one = opened(10);
    for (const auto& record : {one, closed(one, 12), one}) {
        log->append(record);
    }
    REQUIRE(log->flush(of_day(13)));
    CHECK(ask(*log, {.proxy = one.proxy}, {one})[0].end == End::open);
    log->append(closed(one, 15));
    REQUIRE(log->flush(of_day(15)));
    REQUIRE(ask(*log).size() == 1);
    CHECK(ask(*log)[0].until == of_day(15));
}

TEST_CASE("an end that was lost is not taken for a life", "[store]") {
    const TempFolder folder;
    auto log = open(folder);
    log->append(opened(10));
    log->append(opened(20, "198.51.100.8:5"));
    REQUIRE(log->flush(of_day(20)));
    auto found = ask(*log);
    REQUIRE(found.size() == 2);
    CHECK(found[0].end == End::unknown);
    CHECK_FALSE(found[0].until);
    CHECK(found[1].end == End::unknown);
    CHECK(found[1].until == of_day(20)); // the port was another's by then
    log->append_begun(of_day(25));
    log->append(opened(26, "198.51.100.9:6"));
    REQUIRE(log->flush(of_day(26)));
    found = ask(*log, {.proxy = opened(1).proxy}, {opened(26, "198.51.100.9:6")});
    REQUIRE(found.size() == 3);
    CHECK(found[0].end == End::open);
    CHECK(found[1].until == of_day(25));
    CHECK(found[1].end == End::unknown);
}

TEST_CASE("IPv6, the VIP, and names of services", "[store]") {
    const TempFolder folder;
    auto log = open(folder);
    auto one = opened(1, "[2001:db8:1::7]:40000", "[2001:db8::254]:1024", "[2001:db8:2::11]:80");
    one.vip = at("[2001:db8::80]:443");
    one.service = std::string(64, 'n');
    auto other = opened(2);
    other.vip = at("192.0.2.80:80");
    for (const auto& record : {one, other, closed(one, 3), closed(other, 4)}) {
        log->append(record);
    }
    REQUIRE(log->flush(of_day(4)));
    const auto found = ask(*log, {.proxy = one.proxy});
    REQUIRE(found.size() == 1);
    CHECK(found[0].client == one.client);
    CHECK(found[0].backend == one.backend);
    CHECK(found[0].vip == one.vip);
    CHECK(found[0].service == one.service);
    CHECK(found[0].until == of_day(3));
    CHECK(ask(*log)[0].vip == other.vip);
    CHECK(ask(*log)[0].service == "web");
}

TEST_CASE("a clock that is set moves what comes after, and nothing before", "[store]") {
    const TempFolder folder;
    auto log = open(folder);
    log->append(closed(opened(10), 12));
    log->set_clock(boot.time_since_epoch() + 1h);
    log->append(closed(opened(20, "198.51.100.8:5"), 22));
    REQUIRE(log->flush(of_day(22)));
    const auto found = ask(*log);
    REQUIRE(found.size() == 2);
    CHECK(found[0].since == of_day(20) + 1h);
    CHECK(found[1].since == of_day(10));
}

TEST_CASE("what was flushed is there after a restart, less a record that was torn", "[store]") {
    const TempFolder folder;
    {
        auto log = open(folder);
        log->append(closed(opened(10), 12));
        log->append(closed(opened(20, "198.51.100.8:5"), 22));
        REQUIRE(log->flush(of_day(22)));
    }
    const auto segment = folder.segments().at(0);
    const auto whole = fs::file_size(segment);
    const auto torn = GENERATE(1, 5, 20, 45);
    fs::resize_file(segment, whole - static_cast<std::uintmax_t>(torn));
    auto log = open(folder, wide, of_day(30));
    REQUIRE(ask(*log).size() == 1);
    CHECK(ask(*log)[0].since == of_day(10));
    auto third = closed(opened(30, "198.51.100.9:6"), 32);
    third.service = "other";
    log->append(third);
    REQUIRE(log->flush(of_day(32)));
    const auto found = ask(*log);
    REQUIRE(found.size() == 2);
    CHECK(found[0].service == "other");
    CHECK(found[1].service == "web");
}

TEST_CASE("a byte that rotted is noticed", "[store]") {
    const TempFolder folder;
    {
        auto log = open(folder);
        log->append(closed(opened(10), 12));
        REQUIRE(log->flush(of_day(22)));
    }
    std::fstream file(folder.segments().at(0), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(-30, std::ios::end);
    file.put('\x7f');
    file.close();
    auto log = open(folder);
    CHECK(ask(*log).empty());
}

TEST_CASE("files that are none of the log's are left alone", "[store]") {
    const TempFolder folder;
    std::ofstream(folder.path / "000000000007.nat") << "something else";
    std::ofstream(folder.path / "notes") << "mine";
    auto log = open(folder);
    log->append(opened(1));
    REQUIRE(log->flush(of_day(1)));
    CHECK(ask(*log).size() == 1);
    CHECK(fs::exists(folder.path / "notes"));
}

TEST_CASE("it never takes more than its size, and the oldest goes first", "[store]") {
    const TempFolder folder;
    constexpr std::uint64_t size = 1 << 20;
    auto log = open(folder, {.keep = 24h, .max_size = size});
    constexpr std::uint64_t count = 60'000;
    for (std::uint64_t i = 0; i < count; ++i) {
        log->append(closed(opened(i, "198.51.100.7:40000", fmt::format("192.0.2.254:{}", 1024 + i)), i + 1));
        if (i % 1000 == 0) {
            REQUIRE(log->flush(of_day(i)));
            CHECK(folder.bytes() <= size);
        }
    }
    REQUIRE(log->flush(of_day(count)));
    CHECK(log->bytes() == folder.bytes());
    CHECK(folder.bytes() <= size);
    CHECK(folder.bytes() > size * 7 / 8);
    const auto now = of_day(count);
    CHECK(ask(*log, {.proxy = at(fmt::format("192.0.2.254:{}", 1024 + count - 1))}, {}, now).size() == 1);
    CHECK(ask(*log, {.proxy = at("192.0.2.254:1024")}, {}, now).empty());
    CHECK(log->oldest() > of_day(count / 2));
}

TEST_CASE("and keeps nothing for longer than it may", "[store]") {
    const TempFolder folder;
    auto log = open(folder, {.keep = 160s, .max_size = 1 << 20});
    log->append(closed(opened(0), 1));
    REQUIRE(log->flush(of_day(1)));
    CHECK(ask(*log, {.proxy = opened(0).proxy}, {}, of_day(161)).size() == 1);
    CHECK(ask(*log, {.proxy = opened(0).proxy}, {}, of_day(162)).empty()); // not told, though still there
    REQUIRE(log->flush(of_day(20)));
    REQUIRE(log->flush(of_day(200)));
    CHECK(folder.segments().size() == 1);
    CHECK(folder.bytes() < 50); // nor there
    SECTION("an idle log makes no files") {
        for (std::uint64_t i = 201; i < 1000; ++i) {
            REQUIRE(log->flush(of_day(i)));
        }
        CHECK(folder.segments().size() == 1);
    }
}

TEST_CASE("a disk that takes nothing is told, and costs what was to be written", "[store]") {
    const TempFolder folder;
    auto log = open(folder);
    fs::remove_all(folder.path); // the open segment goes on; the next one cannot begin
    log->append(opened(1));
    CHECK(log->flush(of_day(1)));
    CHECK_FALSE(log->flush(of_day(20'000)));
    CHECK(log->given_up() == 0);
}

TEST_CASE("what was lost is known to the next agent, however old", "[store]") {
    const TempFolder folder;
    {
        auto log = open(folder, {.keep = 160s, .max_size = 1 << 20});
        CHECK(log->lost_in_all() == 0);
        log->append_lost(of_day(1), 7);
        log->append(opened(1));
        REQUIRE(log->flush(of_day(1)));
        REQUIRE(log->flush(of_day(500)));
        log->append(opened(501));
        REQUIRE(log->flush(of_day(501)));
    }
    CHECK(open(folder, {.keep = 160s, .max_size = 1 << 20}, of_day(502))->lost_in_all() == 7);
}

TEST_CASE("how fast the log is written and searched", "[.][store-speed]") {
    const TempFolder folder;
    auto log = open(folder);
    using Clock = std::chrono::steady_clock;
    auto begin = Clock::now();
    std::uint64_t n = 0;
    auto record = opened(1);
    for (; n < 750'000; ++n) {
        record.since_ns = n;
        record.proxy.port = static_cast<std::uint16_t>(1024 + n % 64512);
        log->append(record);
        log->append(closed(record, 2));
        if (n % 1000 == 0) {
            REQUIRE(log->flush(of_day(2)));
        }
    }
    const std::chrono::duration<double> wrote = Clock::now() - begin;
    begin = Clock::now();
    const auto found = ask(*log).size();
    const std::chrono::duration<double> asked = Clock::now() - begin;
    WARN(fmt::format("{} connections in {:.2f} s: {:.0f} ns each; {} bytes; a question of 64 MiB: {:.0f} ms, {} found",
                     n, wrote.count(), wrote.count() * 1e9 / static_cast<double>(n), log->bytes(), asked.count() * 1e3,
                     found));
}

} // namespace store_nat_log_test
