#include "app/notify.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "model/descriptor.hpp"

namespace proxip::app {

namespace {

// A whole number above 0. None: it is not there, or not one.
std::optional<std::int64_t> number_in(const char* variable) {
    const char* value = std::getenv(variable); // NOLINT(concurrency-mt-unsafe): before any thread
    if (value == nullptr) {
        return std::nullopt;
    }
    const std::string_view text(value);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
    return error == std::errc() && end == text.end() && number > 0 ? std::optional(number) : std::nullopt;
}

} // namespace

void notify_systemd(std::string_view state) {
    const char* name = std::getenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): before any thread
    sockaddr_un address{};
    if (name == nullptr || std::strlen(name) >= sizeof address.sun_path) {
        return;
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name, std::strlen(name));
    if (address.sun_path[0] == '@') { // abstract
        address.sun_path[0] = '\0';
    }
    const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (socket) {
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(name));
        (void)::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                       reinterpret_cast<const sockaddr*>(&address), length);
    }
}

std::optional<std::chrono::microseconds> watchdog_patience() {
    const auto patience = number_in("WATCHDOG_USEC");
    // Another process's, which we inherited, is not ours to keep quiet.
    const bool ours = std::getenv("WATCHDOG_PID") == nullptr || // NOLINT(concurrency-mt-unsafe)
                      number_in("WATCHDOG_PID") == ::getpid();
    return patience && ours ? std::optional(std::chrono::microseconds(*patience)) : std::nullopt;
}

} // namespace proxip::app
