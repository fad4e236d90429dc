#include <catch2/catch.hpp>

#include "policy/pressure.hpp"

using proxip::policy::Pressure;

namespace pressure_test {

TEST_CASE("what fills up is said once, and again only after it has been low", "[policy]") {
    Pressure pressure;
    const auto table = [&](std::uint64_t used) {
        return pressure.observe({{.name = "the connection table", .used = used, .capacity = 100}});
    };
    CHECK(table(79).empty());
    const auto crossed = table(80);
    REQUIRE(crossed.size() == 1);
    CHECK(crossed[0].high);
    CHECK(crossed[0].gauge.text() == "the connection table: 80 % full, 80 of 100");
    CHECK(table(100).empty());
    CHECK(table(70).empty());
    REQUIRE(pressure.high().size() == 1);
    CHECK(pressure.high()[0].used == 70);
    const auto relieved = table(69);
    REQUIRE(relieved.size() == 1);
    CHECK_FALSE(relieved[0].high);
    CHECK(pressure.high().empty());
    CHECK(table(79).empty());
    CHECK(table(81).size() == 1);
}

TEST_CASE("a gauge that is gone is forgotten, and one without capacity is never high", "[policy]") {
    Pressure pressure;
    CHECK(pressure.observe({{.name = "ports", .used = 9, .capacity = 10}}).size() == 1);
    CHECK(pressure.observe({}).empty());
    CHECK(pressure.high().empty());
    CHECK(pressure.observe({{.name = "ports", .used = 0, .capacity = 0}}).empty());
}

} // namespace pressure_test
