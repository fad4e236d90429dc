// Scheduling tables that are kept from one image to the next.

#include <algorithm>

#include <catch2/catch.hpp>

#include "policy/schedules.hpp"

namespace schedules_test {
namespace {

using proxip::Config;
using proxip::Scheduler;
using proxip::Service;
using proxip::policy::Rotation;
using proxip::policy::Schedules;

Service two_backends(const char* name) {
    Service out;
    out.name = name;
    for (const char* address : {"10.0.0.1:80", "10.0.0.2:80"}) {
        proxip::Backend backend;
        backend.address = proxip::SocketAddress::parse(address).value();
        out.backends.push_back(backend);
    }
    return out;
}

Rotation weights(std::uint32_t one, std::uint32_t other) {
    Rotation out;
    out.shares = {{.weight = one}, {.weight = other}};
    return out;
}

TEST_CASE("a table is made anew only when what it is made from is another", "[policy]") {
    Schedules schedules;
    Service service = two_backends("a");
    const auto* first = schedules.of(service, weights(1, 1)).data();
    CHECK(schedules.of(service, weights(1, 1)).data() == first);
    CHECK(std::ranges::count(schedules.of(service, weights(0, 1)), 0) == 0);
    service.scheduler = Scheduler::round_robin;
    CHECK(schedules.of(service, weights(2, 1)).size() == 3);
    CHECK(schedules.of(service, weights(0, 0)).empty());
}

TEST_CASE("tables of services that are gone are forgotten", "[policy]") {
    Schedules schedules;
    const Service service = two_backends("a");
    (void)schedules.of(service, weights(1, 1));
    Config config;
    config.services = {service};
    schedules.keep_only(config);
    const auto* kept = schedules.of(service, weights(1, 1)).data();
    CHECK(schedules.of(service, weights(1, 1)).data() == kept);
    schedules.keep_only({});
    CHECK(schedules.of(service, weights(1, 1)).size() > 2);
}

} // namespace
} // namespace schedules_test
