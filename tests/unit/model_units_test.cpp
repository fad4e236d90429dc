#include <catch2/catch.hpp>

#include "model/codec.hpp"
#include "model/moment.hpp"
#include "model/result.hpp"

namespace {

using proxip::Error;
using proxip::ErrorCode;
using proxip::Millis;

} // namespace

TEST_CASE("durations are read and written", "[model]") {
    struct Row {
        const char* text;
        std::int64_t millis;
        const char* canonical;
    };
    const Row row = GENERATE(Row{"0s", 0, "0s"}, Row{"500ms", 500, "500ms"}, Row{"2s", 2000, "2s"},
                             Row{"5m", 300'000, "5m"}, Row{"2h", 7'200'000, "2h"}, Row{"1d", 86'400'000, "1d"},
                             Row{"1h30m", 5'400'000, "1h30m"}, Row{"7440s", 7'440'000, "2h4m"},
                             Row{"1d2h3m4s5ms", 93'784'005, "1d2h3m4s5ms"}, Row{"90m", 5'400'000, "1h30m"});
    CAPTURE(row.text);
    REQUIRE(proxip::parse_duration(row.text));
    CHECK(*proxip::parse_duration(row.text) == Millis{row.millis});
    CHECK(proxip::duration_text(Millis{row.millis}) == row.canonical);
}

TEST_CASE("what is no duration is refused", "[model]") {
    const std::string text = GENERATE("", "5", "s", "-5s", "1.5s", "5 s", "5sec", "30m1h", "1s1s", "1h ",
                                      "99999999999999999999s", "9223372036854775807s", "300000000000d", "05s");
    CAPTURE(text);
    const auto parsed = proxip::parse_duration(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message.find("expected a duration, such as 500ms, 2s, 5m or 1h30m") != std::string::npos);
}

TEST_CASE("sizes are read and written", "[model]") {
    CHECK(*proxip::parse_bytes("256MiB") == 256ULL << 20U);
    CHECK(*proxip::parse_bytes("1024") == 1024);
    CHECK(*proxip::parse_bytes("18446744073709551615") == ~0ULL);
    CHECK(proxip::bytes_text(256ULL << 20U) == "256MiB");
    CHECK(proxip::bytes_text(1025) == "1025");
    CHECK(proxip::bytes_text(3ULL << 30U) == "3GiB");
    CHECK(proxip::bytes_text(0) == "0");
    const std::string bad = GENERATE("", "MiB", "-1", "1MB", "1 MiB", "16777216TiB", "18446744073709551616", "1.5GiB");
    CAPTURE(bad);
    CHECK_FALSE(proxip::parse_bytes(bad));
}

TEST_CASE("moments are read and written", "[model]") {
    using proxip::Moment;
    constexpr Moment now{Millis{1'795'919'143'017}};
    CHECK(proxip::moment_text(now) == "2026-11-29T02:25:43.017Z");
    CHECK(proxip::moment_text(Moment{}) == "1970-01-01T00:00:00.000Z");
    CHECK(*proxip::parse_moment("2026-11-29T02:25:43.017Z", {}) == now);
    CHECK(*proxip::parse_moment("2026-11-29T02:25:43.0179Z", {}) == now);
    CHECK(*proxip::parse_moment("2026-11-29T02:25:43Z", {}) == now - Millis{17});
    CHECK(*proxip::parse_moment("2024-02-29T23:59:59.5Z", {}) == Moment{Millis{1'709'251'199'500}});
    CHECK(*proxip::parse_moment("1795919143.017", {}) == now);
    CHECK(*proxip::parse_moment("1795919143", {}) == now - Millis{17});
    CHECK(*proxip::parse_moment("-5m", now) == now - Millis{300'000});
    const std::string bad =
        GENERATE(as<std::string>{}, "", "now", "-", "-5", "5m", "2026-11-29", "2026-11-29T02:25:43",
                 "2026-11-29 02:25:43Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-29T24:00:00Z",
                 "2026-11-29T02:60:00Z", "2026-11-29T02:25:43.Z", "2026-11-29T02:25:43ZZ", "26-11-29T02:25:43Z",
                 "1795919143.", "1e9", "+5m", "99999999999999", "-99999999999d");
    CAPTURE(bad);
    const auto parsed = proxip::parse_moment(bad, now);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message.find("expected a time: 2026-11-29T02:25:43Z") != std::string::npos);
}

TEST_CASE("an enum's error lists what is allowed", "[model]") {
    CHECK(*proxip::parse_enum<proxip::Scheduler>("round-robin") == proxip::Scheduler::round_robin);
    CHECK(proxip::enum_name(proxip::XdpMode::automatic) == "auto");
    CHECK(proxip::parse_enum<proxip::Scheduler>("least").error().message ==
          "found \"least\", expected maglev, round-robin, least-connections or source-hash");
    CHECK(proxip::parse_enum<proxip::OnFailure>("fail").error().message == "found \"fail\", expected reset or drop");
}

TEST_CASE("an error's place grows from the inside out", "[model]") {
    Error error{.code = ErrorCode::invalid, .message = "bad", .path = {}};
    error = std::move(error).within("weight");
    error = std::move(error).within("backend[1]");
    error = std::move(error).within("service[web]");
    CHECK(error.text() == "service[web].backend[1].weight: bad");
    CHECK((Error{.code = ErrorCode::invalid, .message = "bad", .path = "[3]"}).within("addresses").path ==
          "addresses[3]");
    CHECK((Error{.code = ErrorCode::failed, .message = "bad", .path = {}}).text() == "bad");
}

TEST_CASE("every code has a name that leads back, and the contract's exit code", "[model]") {
    struct Row {
        ErrorCode code;
        int exit;
    };
    const Row row =
        GENERATE(Row{ErrorCode::invalid, 1}, Row{ErrorCode::refused, 1}, Row{ErrorCode::failed, 1},
                 Row{ErrorCode::usage, 2}, Row{ErrorCode::unreachable, 3}, Row{ErrorCode::denied, 4},
                 Row{ErrorCode::not_found, 5}, Row{ErrorCode::generation_mismatch, 7}, Row{ErrorCode::timeout, 8});
    CHECK(proxip::exit_code(row.code) == row.exit);
    CHECK(*proxip::parse_code(proxip::code_name(row.code)) == row.code);
    CHECK_FALSE(proxip::parse_code("nonsense"));
}

TEST_CASE("a system error says what failed and why", "[model]") {
    CHECK(proxip::fail_errno("open /x", ENOENT).error().text() == "open /x: No such file or directory");
}
