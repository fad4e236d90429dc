#include "api/client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "api/descriptor.hpp"
#include "api/framing.hpp"
#include "api/unix_address.hpp"
#include "api/wire.hpp"

namespace proxip::api {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t read_chunk = 256U << 10;
constexpr milliseconds full_backlog_pause{10};

std::unexpected<Error> too_late() {
    return fail(ErrorCode::timeout, "the agent did not answer in time");
}

std::unexpected<Error> closed_early() {
    return fail(ErrorCode::unreachable, "the agent closed the connection before it answered");
}

class Call {
  public:
    Call(std::filesystem::path path, milliseconds timeout)
        : path_(std::move(path)), deadline_(Clock::now() + timeout) {}

    Result<void> connect();
    Result<void> send(std::string_view bytes);
    Result<std::string> receive_body();
    Result<std::string> exchange(const Request& request); // all three

    void extend(milliseconds timeout) { deadline_ = Clock::now() + timeout; }
    [[nodiscard]] int descriptor() const { return socket_.get(); }

  private:
    [[nodiscard]] Result<void> wait_for(short events) const;
    [[nodiscard]] Result<void> fill(void* to, std::size_t bytes) const;
    [[nodiscard]] std::unexpected<Error> cannot_connect(int error) const;

    std::filesystem::path path_;
    Clock::time_point deadline_;
    Descriptor socket_;
};

std::unexpected<Error> Call::cannot_connect(int error) const {
    const auto code = error == EACCES || error == EPERM ? ErrorCode::denied : ErrorCode::unreachable;
    const std::string_view hint = code == ErrorCode::denied ? "may not speak to the agent" : "no agent listens here";
    return fail(code, fmt::format("{}: {}", hint, std::strerror(error)), path_.string());
}

Result<void> Call::connect() {
    const auto address = unix_address(path_);
    if (!address) {
        return fail(ErrorCode::unreachable, address.error().message, address.error().path);
    }
    socket_ = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket_) {
        return fail_errno("socket", errno);
    }
    // unix(7) knows no EINPROGRESS: a full backlog is EAGAIN, and nothing tells when there is room again.
    while (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
        if (errno != EAGAIN && errno != EINTR) {
            return cannot_connect(errno);
        }
        if (Clock::now() >= deadline_) {
            return too_late();
        }
        std::this_thread::sleep_for(full_backlog_pause);
    }
    return {};
}

Result<void> Call::wait_for(short events) const {
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(deadline_ - Clock::now());
        if (left <= milliseconds::zero()) {
            return too_late();
        }
        pollfd watched{socket_.get(), events, 0};
        const int ready = ::poll(&watched, 1, static_cast<int>(std::min<milliseconds::rep>(left.count(), 60'000)));
        if (ready > 0) {
            return {};
        }
        if (ready < 0 && errno != EINTR) {
            return fail_errno("poll", errno);
        }
    }
}

Result<void> Call::send(std::string_view bytes) {
    while (!bytes.empty()) {
        if (auto ready = wait_for(POLLOUT); !ready) {
            return ready;
        }
        const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return {}; // it refused before it had read everything: its reason can still be read
        } else if (errno != EAGAIN && errno != EINTR) {
            return fail_errno("send", errno);
        }
    }
    return {};
}

Result<void> Call::fill(void* to, std::size_t bytes) const {
    auto* place = static_cast<char*>(to);
    while (bytes > 0) {
        if (auto ready = wait_for(POLLIN); !ready) {
            return ready;
        }
        const auto got = ::recv(socket_.get(), place, bytes, 0);
        if (got > 0) {
            place += got;
            bytes -= static_cast<std::size_t>(got);
        } else if (got == 0 || errno == ECONNRESET) {
            return closed_early();
        } else if (errno != EAGAIN && errno != EINTR) {
            return fail_errno("recv", errno);
        }
    }
    return {};
}

Result<std::string> Call::receive_body() {
    std::array<std::uint8_t, header_bytes> header{};
    if (auto got = fill(header.data(), header.size()); !got) {
        return std::unexpected(std::move(got.error()));
    }
    const auto length = parse_header(header, max_answer_bytes);
    if (!length) {
        return fail(ErrorCode::failed, "the agent's answer is " + length.error().message);
    }
    std::string body;
    while (body.size() < *length) { // memory follows what has come, not what was announced
        const auto start = body.size();
        body.resize(std::min(*length, start + std::max(read_chunk, start)));
        if (auto got = fill(body.data() + start, body.size() - start); !got) {
            return std::unexpected(std::move(got.error()));
        }
    }
    return body;
}

Result<std::string> Call::exchange(const Request& request) {
    const auto body = request_body(request);
    if (body.size() > max_request_bytes) {
        return fail(ErrorCode::invalid,
                    fmt::format("a request of {} bytes: the agent takes {}", body.size(), max_request_bytes));
    }
    const auto header = frame_header(body.size());
    std::string frame(header.begin(), header.end());
    frame += body;
    if (auto connected = connect(); !connected) {
        return std::unexpected(std::move(connected.error()));
    }
    if (auto sent = send(frame); !sent) {
        return std::unexpected(std::move(sent.error()));
    }
    return receive_body();
}

class Follower final : public Subscription {
  public:
    Follower(Call call, milliseconds timeout) : call_(std::move(call)), timeout_(timeout) {}

    Result<std::optional<Item>> next(std::optional<milliseconds> patience, int interrupt) override;

  private:
    Call call_;
    milliseconds timeout_; // for an item that has begun to arrive
};

// Poll's own timeout: negative for ever, and never longer than it can count.
int poll_timeout(std::optional<Clock::time_point> until) {
    if (!until) {
        return -1;
    }
    const auto left = std::chrono::ceil<milliseconds>(*until - Clock::now());
    return static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 3'600'000));
}

Result<std::optional<Item>> Follower::next(std::optional<milliseconds> patience, int interrupt) {
    const auto until = patience.transform([](milliseconds time) { return Clock::now() + time; });
    for (;;) {
        std::array<pollfd, 2> watched{pollfd{call_.descriptor(), POLLIN, 0}, pollfd{interrupt, POLLIN, 0}};
        const int ready = ::poll(watched.data(), watched.size(), poll_timeout(until));
        if (ready < 0 && errno != EINTR) {
            return fail_errno("poll", errno);
        }
        if (ready > 0 && watched[1].revents != 0) {
            return std::nullopt;
        }
        if (ready > 0 && watched[0].revents != 0) {
            break;
        }
        if (until && Clock::now() >= *until) {
            return std::nullopt;
        }
    }
    call_.extend(timeout_);
    const auto body = call_.receive_body();
    if (!body) {
        return body.error().code == ErrorCode::unreachable ? fail(ErrorCode::unreachable, "the agent ended")
                                                           : std::unexpected(body.error());
    }
    auto item = parse_item(*body);
    return item ? Result<std::optional<Item>>(std::move(*item)) : std::unexpected(std::move(item.error()));
}

} // namespace

Result<Answer> call(const std::filesystem::path& socket, const Request& request, milliseconds timeout) {
    Call one(socket, timeout);
    const auto answer = one.exchange(request);
    return answer ? parse_answer(request, *answer) : std::unexpected(answer.error());
}

Result<Subscription::Begun> Subscription::open(const std::filesystem::path& socket, const Request& request,
                                               milliseconds timeout) {
    Call one(socket, timeout);
    const auto body = one.exchange(request);
    if (!body) {
        return std::unexpected(body.error());
    }
    auto answer = parse_answer(request, *body);
    if (!answer) {
        return std::unexpected(std::move(answer.error()));
    }
    auto* following = std::get_if<Following>(&*answer);
    if (following == nullptr) {
        return fail(ErrorCode::failed, "the agent does not follow this request");
    }
    return Begun{.answer = std::move(*following), .stream = std::make_unique<Follower>(std::move(one), timeout)};
}

} // namespace proxip::api
