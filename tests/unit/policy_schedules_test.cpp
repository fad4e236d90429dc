// Scheduling tables that are kept from one image to the next.

#include <catch2/catch.hpp>

#include "policy/schedules.hpp"

namespace schedules_test {
namespace {

using proxip::policy::Schedules;

TEST_CASE("a table is made once, and again when nothing had it for a while", "[policy]") {
    Schedules schedules;
    int made = 0;
    const auto ask = [&](const char* key) {
        return schedules.table(key, [&] {
            ++made;
            return Schedules::Table{1, 2};
        });
    };
    CHECK(ask("a") == Schedules::Table{1, 2});
    CHECK(ask("a") == Schedules::Table{1, 2});
    CHECK(made == 1);
    (void)ask("b");
    CHECK(made == 2);
    for (int image = 0; image < 10; ++image) { // "a" is in all of them, "b" in none
        schedules.age();
        (void)ask("a");
    }
    CHECK(made == 2);
    (void)ask("b");
    CHECK(made == 3);
    schedules.age(); // down for one image, and back
    (void)ask("b");
    CHECK(made == 3);
}

} // namespace
} // namespace schedules_test
