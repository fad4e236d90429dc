// Changes by hand as functions from configuration to configuration, and an apply on trial.

#include <catch2/catch.hpp>

#include "app/edits.hpp"
#include "app/trial.hpp"

namespace edits_test {
namespace {

using namespace proxip; // NOLINT(google-build-using-namespace)
using app::blamed;
using app::Draft;
using app::edited;

SocketAddress backend(const char* text) {
    return SocketAddress::parse(text).value();
}

Service service(const char* name, const char* address, std::initializer_list<const char*> backends) {
    Service out;
    out.name = name;
    out.address = ServiceAddress::parse(address).value();
    out.snat = Snat::never;
    for (const char* one : backends) {
        out.backends.push_back({.address = backend(one), .enabled = {}});
    }
    return out;
}

Draft start() {
    Draft out;
    out.config.services = {service("web", "tcp://1.1.1.80:80", {"1.1.1.11:80", "1.1.1.12:80"}),
                           service("mail", "tcp://1.1.1.80:25", {"1.1.1.12:25"})};
    out.config.services[0].backends[1].enabled = true;
    return out;
}

api::Step step(api::Edit edit, std::string place = {}) {
    return {.edit = std::move(edit), .place = std::move(place)};
}

Admin admin(const Draft& draft, std::size_t number, std::size_t place) {
    const Service& one = draft.config.services[number];
    return draft.overlay.admin(one, one.backends[place]);
}

TEST_CASE("a server is drained in every service that it serves", "[app]") {
    const auto address = Address::parse("1.1.1.12").value();
    const auto drained =
        edited(start(), std::vector{step(api::ServerAdmin{.address = address, .admin = Admin::drain})}).value();
    CHECK(admin(drained, 0, 0) == Admin::enabled);
    CHECK(admin(drained, 0, 1) == Admin::drain);
    CHECK(admin(drained, 1, 0) == Admin::drain);
    CHECK_FALSE(drained.config.services[0].backends[1].enabled.has_value()); // the operator decides now
    const auto unknown =
        edited(start(), std::vector{step(api::ServerAdmin{.address = Address::parse("9.9.9.9").value()})});
    CHECK(unknown.error().code == ErrorCode::not_found);
}

TEST_CASE("a change of an overlay is told, and what says nothing is not kept", "[app]") {
    const Draft before = start();
    Draft after = before;
    after.overlay.set("web", backend("1.1.1.11:80"), Admin::disabled);
    const auto changes = before.overlay.changes_to(after.overlay, before.config, after.config);
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].path == "service[web].backend[1.1.1.11:80].admin");
    CHECK((changes[0].from == "enabled" && changes[0].to == "disabled"));
    after.overlay.set("web", backend("1.1.1.11:80"), Admin::enabled);
    after.overlay.set("gone", backend("1.1.1.11:80"), Admin::drain);
    CHECK(after.overlay.kept_for(after.config) == app::Overlay{});
    Draft off = start();
    off.config.services[0].backends[0].enabled = false; // here "enabled" does say something
    off.overlay.set("web", backend("1.1.1.11:80"), Admin::enabled);
    CHECK(off.overlay.kept_for(off.config) == off.overlay);
}

TEST_CASE("steps build on each other, and an error names its place", "[app]") {
    const std::vector steps{step(api::ServiceAdd{service("new", "tcp://1.1.1.81:80", {})}, "f:1"),
                            step(api::BackendAdd{"new", {{.address = backend("1.1.1.11:80"), .enabled = {}}}}, "f:2"),
                            step(api::BackendDel{"new", {backend("1.1.1.13:80")}}, "f:3")};
    CHECK(edited(start(), std::span(steps).first(2)).value().config.services[2].backends.size() == 1);
    const auto wrong = edited(start(), steps);
    CHECK(wrong.error().code == ErrorCode::not_found);
    CHECK(wrong.error().path == "f:3");
}

TEST_CASE("the step that makes a batch wrong is found", "[app]") {
    const auto sound = [](const Draft& draft) { return validate(draft.config); };
    for (std::size_t bad = 0; bad < 9; ++bad) {
        std::vector<api::Step> steps;
        for (std::size_t i = 0; i < 9; ++i) {
            const std::string vip = i == bad ? "tcp://1.1.1.80:25" : "tcp://1.1.1.90:" + std::to_string(i + 1);
            steps.push_back(step(api::ServiceAdd{service(("s" + std::to_string(i)).c_str(), vip.c_str(), {})},
                                 "f:" + std::to_string(i)));
        }
        const auto draft = edited(start(), steps).value();
        const auto error = blamed(start(), steps, validate(draft.config).error(), sound);
        CHECK(error.path == "f:" + std::to_string(bad) + ": service[s" + std::to_string(bad) + "].address");
    }
}

TEST_CASE("a trial ends at its deadline, also after a restart, and a clock that was set back gives no more", "[app]") {
    const auto trial = app::Trial::begun(
        Millis{60'000}, {.generation = 7, .running = {}, .applied = {}, .file_digest = {}, .overlay = {}});
    CHECK_FALSE(trial.due());
    CHECK(trial.seconds_left() == Approx(60).margin(1));
    CHECK(app::Trial::resumed(trial.saved()).seconds_left() == Approx(60).margin(1));
    auto late = trial.saved();
    late.deadline -= Millis{61'000};
    CHECK(app::Trial::resumed(late).due());
    auto set_back = trial.saved();
    set_back.deadline += Millis{3'600'000};
    CHECK(app::Trial::resumed(set_back).seconds_left() <= 60);
    CHECK(trial.renewed(Millis{5'000}).former().generation == 7);
    CHECK(trial.renewed(Millis{5'000}).seconds_left() <= 5);
}

} // namespace
} // namespace edits_test
