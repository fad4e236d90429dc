#include <catch2/catch.hpp>

#include <map>
#include <string>
#include <vector>

#include "policy/rotation.hpp"

using namespace std::chrono_literals;
using proxip::Admin;
using proxip::Backend;
using proxip::Millis;
using proxip::Service;
using proxip::SocketAddress;
using proxip::policy::Basis;
using proxip::policy::Health;
using proxip::policy::Instant;
using proxip::policy::rotation;
using proxip::policy::Rotation;
using proxip::policy::Standing;

namespace rotation_test {
namespace {

const Instant start{1000s};

// One word a backend: u up, d down, ? unknown, x disabled, - drained; then b for a backup, 0 for weight 0.
struct Scene {
    Service service;
    std::vector<Standing> standings;

    explicit Scene(const std::string& words) {
        service.check.interval = 500ms;
        service.check.timeout = 200ms;
        service.check.fall = 2;
        std::string word;
        for (const char letter : words + ' ') {
            if (letter != ' ') {
                word += letter;
                continue;
            }
            const auto number = service.backends.size() + 1;
            service.backends.push_back(
                {.address = SocketAddress::parse("10.0.0." + std::to_string(number) + ":80").value(),
                 .weight = word.find('0') == std::string::npos ? 1U : 0U,
                 .backup = word.find('b') != std::string::npos,
                 .enabled = {}});
            const std::map<char, Health> health{{'u', Health::up}, {'d', Health::down}, {'?', Health::unknown}};
            standings.push_back({});
            standings.back().health = health.contains(word[0]) ? health.at(word[0]) : Health::up;
            standings.back().admin = word[0] == 'x' ? Admin::disabled : word[0] == '-' ? Admin::drain : Admin::enabled;
            word.clear();
        }
    }
    [[nodiscard]] Rotation at(Instant now = start) const { return rotation(service, standings, now); }
};

// The numbers of those that take new connections.
std::string takers(const Rotation& made) {
    std::string out;
    for (std::size_t i = 0; i < made.shares.size(); ++i) {
        out += made.shares[i].weight > 0 ? std::to_string(i + 1) : "";
    }
    return out;
}

std::string dead(const Rotation& made) {
    std::string out;
    for (std::size_t i = 0; i < made.shares.size(); ++i) {
        out += made.shares[i].dead ? std::to_string(i + 1) : "";
    }
    return out;
}

std::string weights(const Rotation& made) {
    std::string out;
    for (const auto& share : made.shares) {
        out += (out.empty() ? "" : " ") + std::to_string(share.weight);
    }
    return out;
}

} // namespace

TEST_CASE("rotation: who takes new connections", "[policy]") {
    struct Row {
        const char* backends;
        unsigned min_up;
        const char* takers;
        const char* dead;
        Basis basis;
    };
    const Row row =
        GENERATE(Row{"u u u", 0, "123", "", Basis::checks},      //
                 Row{"u ? d", 0, "12", "3", Basis::checks},      // unknown counts as up
                 Row{"u x - u0", 0, "1", "", Basis::checks},     // the operator's word, and weight 0
                 Row{"u ub", 0, "1", "", Basis::checks},         // a backup stands aside
                 Row{"d ub", 0, "2", "1", Basis::checks},        // and stands in
                 Row{"x ub ub", 0, "23", "", Basis::checks},     //
                 Row{"u0 ub", 0, "2", "", Basis::checks},        //
                 Row{"d db", 0, "", "12", Basis::nobody},        //
                 Row{"d d0 x", 0, "", "12", Basis::nobody},      //
                 Row{"", 0, "", "", Basis::nobody},              //
                 Row{"u u d", 2, "12", "3", Basis::checks},      // min_up is met
                 Row{"u d d", 2, "123", "", Basis::distrusted},  // it is not
                 Row{"d d d", 1, "123", "", Basis::distrusted},  //
                 Row{"u d ub", 2, "13", "2", Basis::checks},     // met with a backup that is up
                 Row{"d d ub", 1, "3", "12", Basis::checks},     //
                 Row{"d d ub", 2, "123", "", Basis::distrusted}, // not even so
                 Row{"d d db", 1, "123", "", Basis::distrusted}, // backups are distrusted no less
                 Row{"u d x -", 2, "12", "", Basis::distrusted}, // the operator's word stands
                 Row{"x - u0", 1, "", "", Basis::nobody},        //
                 Row{"u u x", 3, "12", "", Basis::checks}, // fewer than min_up can take part, and all of them are up
                 Row{"u d0 u", 2, "13", "2", Basis::checks});
    CAPTURE(row.backends, row.min_up);
    Scene scene{row.backends};
    if (std::string(row.backends).empty()) {
        scene.service.backends.clear();
        scene.standings.clear();
    }
    scene.service.min_up = row.min_up;
    CHECK(takers(scene.at()) == row.takers);
    CHECK(dead(scene.at()) == row.dead);
    CHECK(scene.at().basis == row.basis);
    CHECK(scene.at().weight == std::string(row.takers).size());
    CHECK_FALSE(scene.at().next_step.has_value());
}

TEST_CASE("rotation: keep-last keeps those that went down with the last one", "[policy]") {
    Scene scene{"d d d db x"};
    scene.service.on_all_down = proxip::OnAllDown::keep_last;
    scene.standings[0].went_down = start - 1h;     // long dead
    scene.standings[1].went_down = start - 1200ms; // fall * interval + timeout before the last
    scene.standings[2].went_down = start - 1201ms; // before that
    scene.standings[3].went_down = start;          // a backup, which stood in
    scene.standings[4].went_down = start + 1h;     // disabled: it was not in rotation
    CHECK(takers(scene.at()) == "24");
    CHECK(dead(scene.at()) == "13");
    CHECK(scene.at().basis == Basis::kept_last);

    SECTION("what this agent did not see goes down is as old as it gets") {
        scene.standings[1].went_down.reset();
        CHECK(takers(scene.at()) == "4");
    }
    SECTION("after a restart nobody knows who was last: all") {
        for (auto& standing : scene.standings) {
            standing.went_down.reset();
        }
        CHECK(takers(scene.at()) == "1234");
    }
    SECTION("min_up goes before") {
        scene.service.min_up = 1;
        CHECK(takers(scene.at()) == "1234");
        CHECK(scene.at().basis == Basis::distrusted);
    }
    SECTION("it ends with the first that is up") {
        scene.standings[0].health = Health::up;
        CHECK(takers(scene.at()) == "1");
        CHECK(scene.at().basis == Basis::checks);
    }
    SECTION("fail keeps none") {
        scene.service.on_all_down = proxip::OnAllDown::fail;
        CHECK(takers(scene.at()).empty());
    }
}

TEST_CASE("rotation: slow start goes in steps from a tenth to the whole", "[policy]") {
    Scene scene{"u u"};
    scene.service.backends[0].weight = 3;
    scene.service.backends[1].weight = 2;
    scene.service.slow_start = 9s;
    scene.standings[1].joined = start;

    struct Row {
        Millis after;
        const char* weights;
        std::optional<Millis> next;
    };
    const Row row = GENERATE(Row{0s, "30 2", 1s}, Row{999ms, "30 2", 1s}, Row{1s, "30 4", 2s}, Row{4500ms, "30 10", 5s},
                             Row{8s, "30 18", 9s}, Row{8999ms, "30 18", 9s}, Row{9s, "3 2", {}}, Row{1h, "3 2", {}});
    CAPTURE(row.after.count());
    const auto made = scene.at(start + row.after);
    CHECK(weights(made) == row.weights);
    CHECK(made.next_step == row.next.transform([](Millis next) { return start + next; }));
}

TEST_CASE("rotation: slow start is asked for, and of those that take part", "[policy]") {
    Scene scene{"u u"};
    scene.standings[1].joined = start;
    CHECK(weights(scene.at()) == "1 1"); // not asked for
    scene.service.slow_start = 9s;
    CHECK(weights(scene.at()) == "10 1");
    scene.standings[0].joined = start - 5s;
    CHECK(weights(scene.at()) == "6 1");
    CHECK(scene.at().next_step == start + 1s); // the earlier of both
    scene.standings[0].admin = Admin::disabled;
    CHECK(weights(scene.at()) == "0 1");
    scene.standings[1].admin = Admin::drain;
    CHECK(weights(scene.at()) == "0 0");
    CHECK_FALSE(scene.at().next_step.has_value());
}

TEST_CASE("rotation: the steps end with the time, however it divides", "[policy]") {
    Scene scene{"u u"};
    scene.service.slow_start = 1001ms;
    scene.standings[1].joined = start;
    int steps = 0;
    for (std::optional<Instant> now = start; now; now = scene.at(*now).next_step) {
        CHECK(scene.at(*now).shares[1].weight == static_cast<unsigned>(std::min(steps + 1, 10) / (steps < 9 ? 1 : 10)));
        ++steps;
    }
    CHECK(steps == 10);
}

} // namespace rotation_test
