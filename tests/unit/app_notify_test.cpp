#include <chrono>
#include <cstdlib>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "app/notify.hpp"

namespace notify_test {
namespace {

// NOLINTBEGIN(concurrency-mt-unsafe): the tests have one thread
class Variable { // of the environment, for one test
  public:
    Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() { ::unsetenv(name_); }

  private:
    const char* name_;
};
// NOLINTEND(concurrency-mt-unsafe)

} // namespace

using proxip::app::watchdog_patience;
using namespace std::chrono_literals;

TEST_CASE("the watchdog is systemd's to ask for", "[notify]") {
    CHECK_FALSE(watchdog_patience());
    const Variable patience("WATCHDOG_USEC", "30000000");
    CHECK(watchdog_patience() == 30s);
    SECTION("of this process") {
        const Variable pid("WATCHDOG_PID", fmt::format("{}", ::getpid()));
        CHECK(watchdog_patience() == 30s);
    }
    SECTION("and not of the one that started it") {
        const Variable pid("WATCHDOG_PID", fmt::format("{}", ::getppid()));
        CHECK_FALSE(watchdog_patience());
    }
}

TEST_CASE("what is no number of microseconds asks for no watchdog", "[notify]") {
    const auto* value = GENERATE("", "0", "-1", "30s", "99999999999999999999");
    const Variable patience("WATCHDOG_USEC", value);
    CHECK_FALSE(watchdog_patience());
}

} // namespace notify_test
