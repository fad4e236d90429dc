#include <catch2/catch.hpp>

#include "api/framing.hpp"
#include "api/unix_address.hpp"
#include "api/version.hpp"

namespace api = proxip::api;

TEST_CASE("a frame's header is its length in network order") {
    CHECK(api::frame_header(0x01020304) == std::array<std::uint8_t, 4>{1, 2, 3, 4});
    for (const std::size_t length : {std::size_t{1}, std::size_t{255}, std::size_t{65536}, api::max_request_bytes}) {
        CHECK(api::parse_header(api::frame_header(length), api::max_request_bytes).value() == length);
    }
}

TEST_CASE("lengths outside the limits are refused") {
    CHECK_FALSE(api::parse_header({0, 0, 0, 0}, 100).has_value());
    CHECK(api::parse_header({0, 0, 0, 100}, 100).has_value());
    const auto over = api::parse_header({0, 0, 0, 101}, 100);
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().message == "a message of 101 bytes: expected 1 to 100");
    CHECK_FALSE(api::parse_header({0xff, 0xff, 0xff, 0xff}, api::max_answer_bytes).has_value());
}

TEST_CASE("a socket's path must fit") {
    CHECK(api::unix_address("/" + std::string(106, 'a')).has_value());
    CHECK(api::unix_address("/" + std::string(107, 'a')).error().message ==
          "a socket's path of 108 bytes: expected 1 to 107");
    CHECK_FALSE(api::unix_address("").has_value());
}

TEST_CASE("the version is the project's") {
    CHECK(api::version().find('.') != std::string_view::npos);
}
