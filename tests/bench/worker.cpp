#include "bench/worker.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/descriptor.hpp"
#include "packet/world.hpp"

namespace proxip::bench {

namespace {

struct Message {
    bool failed = false;
    Sample sample;
    std::array<char, 512> error{};
};

[[noreturn]] void refuse(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void prepare_process() {
    constexpr int before_all_others = -20;
    (void)::setpriority(PRIO_PROCESS, 0, before_all_others);
    if (!packet::leave_the_host()) {
        refuse("cannot make a network namespace");
    }
}

Message work(const Case& measured, const Plan& plan, int cpu) {
    Message out;
    try {
        stay_on(cpu);
        prepare_process();
        out.sample = measure(measured, plan);
    } catch (const std::exception& error) {
        out.failed = true;
        std::string_view(error.what()).copy(out.error.data(), out.error.size() - 1);
    }
    return out;
}

} // namespace

void stay_on(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(cpu), &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) {
        refuse("cannot stay on one CPU");
    }
}

Sample run_apart(const Case& measured, const Plan& plan, int cpu) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) {
        refuse("cannot make a pipe");
    }
    const Descriptor from(ends[0]);
    Descriptor to(ends[1]);
    const pid_t worker = ::fork();
    if (worker < 0) {
        refuse("cannot start a worker");
    }
    if (worker == 0) {
        const Message done = work(measured, plan, cpu);
        ::_exit(::write(to.get(), &done, sizeof done) == sizeof done ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    to = Descriptor();
    Message message;
    const bool told = ::read(from.get(), &message, sizeof message) == sizeof message;
    int status = 0;
    (void)::waitpid(worker, &status, 0);
    if (!told) {
        throw std::runtime_error("the worker ended without a word");
    }
    if (message.failed) {
        throw std::runtime_error(message.error.data());
    }
    return message.sample;
}

void run_in_a_process(const std::function<void()>& work) {
    const pid_t worker = ::fork();
    if (worker < 0) {
        refuse("cannot start a worker");
    }
    if (worker == 0) {
        try {
            prepare_process();
            work();
        } catch (const std::exception& error) {
            std::cerr << error.what() << '\n';
            ::_exit(EXIT_FAILURE);
        }
        ::_exit(EXIT_SUCCESS);
    }
    int status = 0;
    (void)::waitpid(worker, &status, 0);
    if (status != 0) {
        throw std::runtime_error("a worker failed");
    }
}

} // namespace proxip::bench
