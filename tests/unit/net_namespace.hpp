#pragma once

// Network namespaces for the tests of agent/net: nothing of the host's is touched, and they go when the test ends.

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

namespace proxip::net::test {

class Namespace {
  public:
    // A new one; the caller stays where it is.
    Namespace() {
        const int before = open_current();
        REQUIRE(::unshare(CLONE_NEWNET) == 0);
        handle_ = open_current();
        REQUIRE(::setns(before, CLONE_NEWNET) == 0);
        ::close(before);
    }
    Namespace(const Namespace&) = delete;
    Namespace& operator=(const Namespace&) = delete;
    ~Namespace() { ::close(handle_); }

    [[nodiscard]] int handle() const { return handle_; }
    [[nodiscard]] std::string path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), handle_); }
    void run(const std::string& command) const; // in it

    [[nodiscard]] static int open_current() { return ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC); }

  private:
    int handle_ = -1;
};

// While it lives, this thread is in that namespace.
class Inside {
  public:
    explicit Inside(const Namespace& there) : before_(Namespace::open_current()) {
        REQUIRE(::setns(there.handle(), CLONE_NEWNET) == 0);
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() {
        static_cast<void>(::setns(before_, CLONE_NEWNET));
        ::close(before_);
    }

  private:
    int before_ = -1;
};

inline void Namespace::run(const std::string& command) const {
    const Inside inside(*this);
    INFO(command);
    REQUIRE(std::system(command.c_str()) == 0);
}

// Two namespaces with a veth pair between them: "near" (02:00:00:00:00:01) and "far" (02:00:00:00:00:02), both up.
struct Pair {
    Namespace near;
    Namespace far;

    Pair() {
        far.run("ip link set lo up");
        near.run(fmt::format("ip link set lo up && ip link add near address 02:00:00:00:00:01 type veth "
                             "peer name far address 02:00:00:00:00:02 netns {} && ip link set near up",
                             far.path()));
        far.run("ip link set far up");
    }
};

[[nodiscard]] inline bool may_unshare() {
    if (::geteuid() == 0) {
        return true;
    }
    WARN("SKIPPED: network namespaces need root");
    return false;
}

// Runs the loop until `done`; false when that does not come within `limit`.
template <typename Done>
[[nodiscard]] bool run_until(boost::asio::io_context& loop, const Done& done,
                             std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
        loop.restart();
        loop.run_one_until(end);
        if (std::chrono::steady_clock::now() >= end) {
            return done();
        }
    }
    return true;
}

} // namespace proxip::net::test
