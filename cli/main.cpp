#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <sys/signalfd.h>

#include "api/client.hpp"
#include "cli/local_checks.hpp"
#include "cli/run.hpp"

namespace {

using proxip::Result;

Result<std::string> read_all(std::istream& input, const std::string& name) {
    std::string text;
    std::array<char, 65536> buffer{};
    while (input.read(buffer.data(), buffer.size()) || input.gcount() > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(input.gcount()));
    }
    if (input.bad()) {
        return proxip::fail(proxip::ErrorCode::failed, "cannot be read", name);
    }
    return text;
}

Result<std::string> read_file(const std::string& name) {
    if (name == "-") {
        return read_all(std::cin, name);
    }
    errno = 0;
    std::ifstream file(name, std::ios::binary);
    if (!file) {
        auto error = proxip::fail_errno("cannot be opened", errno);
        error.error().path = name;
        return error;
    }
    return read_all(file, name);
}

// Kept for the rest of the process.
int interrupt_descriptor() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return ::signalfd(-1, &set, SFD_CLOEXEC);
}

int lbctl(const std::vector<std::string>& args) {
    const char* socket = std::getenv("LBCTL_SOCKET"); // NOLINT(concurrency-mt-unsafe): there is one thread
    const proxip::cli::World world{
        proxip::api::call,
        std::chrono::steady_clock::now,
        [](proxip::Millis time) { std::this_thread::sleep_for(time); },
        {socket != nullptr ? proxip::cli::Text{socket} : proxip::cli::Text{}, read_file},
        std::cout,
        std::cerr,
        [](const std::filesystem::path& path, const proxip::Error& error) {
            return proxip::cli::examine_locally(path, error);
        },
        proxip::cli::open_terminal,
        proxip::api::Subscription::open,
        interrupt_descriptor,
    };
    return proxip::cli::run(args, world);
}

} // namespace

int main(int argc, char** argv) {
    try {
        return lbctl({argv + (argc > 0 ? 1 : 0), argv + argc});
    } catch (const std::exception& error) {
        std::cerr << "lbctl: " << error.what() << '\n';
        return 1;
    }
}
