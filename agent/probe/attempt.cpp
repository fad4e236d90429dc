#include "probe/attempt.hpp"

#include <algorithm>
#include <cctype>
#include <tuple>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "model/codec.hpp"

namespace proxip::probe {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

using Clock = std::chrono::steady_clock;

// These say that this host could not ask, nothing of the backend.
bool is_our_own(const boost::system::error_code& error) {
    const auto& category = boost::system::system_category();
    return error.category() == category &&
           (error.value() == EMFILE || error.value() == ENFILE || error.value() == ENOMEM || error.value() == ENOBUFS ||
            error.value() == EADDRNOTAVAIL);
}

// "Connection refused" -> "connection refused"
std::string words(const boost::system::error_code& error) {
    std::string text = error.message();
    if (!text.empty()) {
        text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
    }
    return text;
}

Outcome failure(const boost::system::error_code& error) {
    if (is_our_own(error)) {
        return {.success = false, .detail = "not checked: " + words(error), .made = false};
    }
    return {.success = false, .detail = words(error)};
}

std::string connected_in(Clock::duration taken) {
    return fmt::format("connected in {:.1f} ms", std::chrono::duration<double, std::milli>(taken).count());
}

} // namespace

tcp::endpoint Attempt::endpoint(const Target& target) {
    const Address& address = target.backend.address;
    const std::uint16_t port = target.check.port.value_or(target.backend.port);
    if (address.family == Family::v4) {
        asio::ip::address_v4::bytes_type bytes{};
        std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
        return {asio::ip::address_v4(bytes), port};
    }
    return {asio::ip::address_v6(address.bytes), port};
}

boost::system::error_code Attempt::open(const tcp& family) {
    boost::system::error_code error;
    if (socket_.open(family, error)) {
        return error;
    }
    return socket_.set_option(asio::socket_base::linger(true, 0), error);
}

void Attempt::arm(std::chrono::milliseconds timeout) {
    timed_out_ = false;
    deadline_.expires_after(timeout);
    deadline_.async_wait([self = shared_from_this(), round = ++round_](const boost::system::error_code& error) {
        // A wait that ran out just before it was cancelled still comes here without an error, perhaps in the next
        // round.
        if (!error && self->round_ == round && self->socket_.is_open()) {
            self->timed_out_ = true;
            boost::system::error_code ignored;
            std::ignore = self->socket_.close(ignored);
        }
    });
}

asio::awaitable<Outcome> Attempt::connect(asio::ip::tcp::endpoint endpoint, std::chrono::milliseconds timeout) {
    const auto started = Clock::now();
    boost::system::error_code error = open(endpoint.protocol());
    if (!error) {
        arm(timeout);
        co_await socket_.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
        deadline_.cancel();
    }
    boost::system::error_code ignored;
    std::ignore = socket_.close(ignored);
    if (timed_out_) {
        co_return Outcome{.success = false, .detail = "timed out after " + duration_text(timeout)};
    }
    if (error) {
        co_return failure(error);
    }
    co_return Outcome{.success = true, .detail = connected_in(Clock::now() - started)};
}

void Attempt::cancel() {
    boost::system::error_code ignored;
    std::ignore = socket_.close(ignored);
    deadline_.cancel();
}

} // namespace proxip::probe
