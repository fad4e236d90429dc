#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <iostream>

#include <sched.h>

#include "packet/world.hpp"

int main(int argc, char** argv) {
    constexpr int skipped = 77;
    if (!proxip::packet::leave_the_host()) {
        std::cerr << "skipped: needs root, for namespaces and BPF programs\n";
        return skipped;
    }
    // One CPU: what is counted and limited per CPU is then exact.
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
    (void)sched_setaffinity(0, sizeof one, &one);
    return Catch::Session().run(argc, argv);
}
