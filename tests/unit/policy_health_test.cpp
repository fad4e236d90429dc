#include <catch2/catch.hpp>

#include <string>

#include "policy/health.hpp"

namespace {

using proxip::policy::Health;
using proxip::policy::Hysteresis;

// One letter a result: '+' success, '-' failure. One letter a state: '?' unknown, 'u' up, 'd' down; in upper case where
// this result was reported as the change.
std::string play(Hysteresis& hysteresis, const std::string& results) {
    std::string states;
    for (const char result : results) {
        const auto change = hysteresis.observe(result == '+');
        const bool up = hysteresis.state() == Health::up;
        states += change ? (up ? 'U' : 'D') : (up ? 'u' : 'd');
        if (change) {
            CHECK(*change == hysteresis.state());
        }
    }
    return states;
}

struct Row {
    std::uint32_t rise;
    std::uint32_t fall;
    const char* results;
    const char* states;
};

} // namespace

TEST_CASE("rise and fall are counted in a row", "[policy]") {
    const Row row = GENERATE(Row{2, 3, "+", "U"}, Row{2, 3, "-", "D"}, // the first result decides alone
                             Row{2, 3, "+---", "UuuD"},                // the third failure takes it down
                             Row{2, 3, "+--+--+---", "UuuuuuuuuD"},    // a success in between starts the count anew
                             Row{2, 3, "-++", "DdU"},                  // the second success brings it up
                             Row{2, 3, "-+-+-++", "DdddddU"},          //
                             Row{1, 1, "+-+-", "UDUD"},                //
                             Row{3, 1, "+-++-+++", "UDdddddU"},        //
                             Row{2, 3, "+---++---", "UuuDdUuuD"});
    CAPTURE(row.rise, row.fall, row.results);
    Hysteresis hysteresis{row.rise, row.fall};
    CHECK(hysteresis.state() == Health::unknown);
    CHECK(play(hysteresis, row.results) == row.states);
}

TEST_CASE("an adopted state stands until the counts are reached", "[policy]") {
    Hysteresis hysteresis{2, 3};
    hysteresis.adopt(Health::up);
    CHECK(play(hysteresis, "--+---") == "uuuuuD");
    hysteresis.adopt(Health::unknown);
    CHECK(play(hysteresis, "+") == "U");
}

TEST_CASE("other counts do not flap what is up", "[policy]") {
    Hysteresis hysteresis{2, 3};
    CHECK(play(hysteresis, "+--") == "Uuu");
    hysteresis.retune(1, 5);
    CHECK(hysteresis.state() == Health::up);
    CHECK(play(hysteresis, "--") == "uu");
    CHECK(play(hysteresis, "-") == "D");
    CHECK(play(hysteresis, "+") == "U");
}

TEST_CASE("what serves already is not taken down by one failure", "[policy]") {
    Hysteresis hysteresis{2, 3};
    hysteresis.adopt_serving();
    CHECK(hysteresis.state() == Health::unknown);
    const std::string_view results = GENERATE("---", "+---", "-+---");
    for (const char result : results.substr(0, results.size() - 1)) {
        static_cast<void>(hysteresis.observe(result == '+'));
        CHECK(hysteresis.state() != Health::down);
    }
    CHECK(hysteresis.observe(false) == Health::down);
}
