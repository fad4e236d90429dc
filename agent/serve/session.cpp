#include "serve/session.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <fmt/format.h>

#include "api/wire.hpp"
#include "serve/awaited.hpp"

namespace proxip::serve {
namespace {

namespace asio = boost::asio;

// Memory follows what has come, not what was announced. What fits into one chunk is always taken, so that clients with
// large unfinished requests cannot shut out the small ones.
constexpr std::size_t chunk = 64U << 10;

std::string refusal(const Error& error) {
    return api::answer_body(std::unexpected(error));
}

// What waits for a follower, as frames, about a chunk at most: a write for each item would be slower than what makes
// them.
std::string take_frames(api::Backlog& backlog) {
    std::string out;
    while (out.size() < chunk) {
        const auto body = backlog.take();
        if (!body) {
            break;
        }
        const auto header = api::frame_header(body->size());
        out.append(header.begin(), header.end());
        out += *body;
    }
    return out;
}

} // namespace

class Session::Hold {
  public:
    explicit Hold(Desk& desk) : desk_(desk) {}
    ~Hold() { desk_.held -= bytes_; }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    [[nodiscard]] bool grow(std::size_t bytes) {
        if (desk_.held + bytes > desk_.limits.held_bytes) {
            return false;
        }
        desk_.held += bytes;
        bytes_ += bytes;
        return true;
    }

  private:
    Desk& desk_;
    std::size_t bytes_ = 0;
};

Session::Session(Socket socket, Peer peer, std::shared_ptr<Desk> desk)
    : socket_(std::move(socket)), deadline_(socket_.get_executor()), peer_(peer), desk_(std::move(desk)),
      more_(socket_.get_executor()) {}

asio::awaitable<void> Session::run(std::shared_ptr<Session> session) {
    try {
        while (co_await session->converse()) {
        }
    } catch (const std::exception&) {
        // No memory for what it sent or asked for: this client ends, the others go on.
    }
    session->close();
}

void Session::close() {
    boost::system::error_code ignored;
    deadline_.cancel();
    more_.cancel();
    ignored = socket_.close(ignored);
}

void Session::close_in(std::chrono::seconds limit) {
    deadline_.expires_after(limit);
    deadline_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        if (const auto session = weak.lock(); session && !error) {
            session->close();
        }
    });
}

asio::awaitable<bool> Session::converse() {
    if (!co_await read_header()) {
        co_return false;
    }
    // What is said stands in a variable of its own: GCC 12 destroys temporaries of a co_await expression twice.
    std::string said;
    const auto length = api::parse_header(header_, desk_->limits.request_bytes);
    if (!length) {
        // Where the next message would start is unknown: this is the last thing to be said.
        said = refusal(length.error());
        co_await write(said);
        co_return false;
    }
    Hold hold(*desk_);
    const auto body = co_await read_body(*length, hold);
    if (!desk_->open || !socket_.is_open()) {
        co_return false;
    }
    if (!body) {
        said = refusal(body.error());
        co_await write(said);
        co_return false;
    }
    quiet_since_ = Clock::now();
    const auto request = api::parse_request(*body);
    if (request && api::is_following(*request)) {
        co_await follow(*request);
        co_return false;
    }
    said = request ? answer(*request) : refusal(request.error());
    const bool taken = co_await write(said);
    co_return taken;
}

asio::awaitable<bool> Session::read_header() {
    close_in(desk_->limits.idle);
    const auto [error, got] = co_await asio::async_read(socket_, asio::buffer(header_), awaited);
    co_return !error && desk_->open;
}

asio::awaitable<Result<std::string>> Session::read_body(std::size_t length, Hold& hold) {
    close_in(desk_->limits.idle);
    std::string body;
    while (body.size() < length) {
        const auto start = body.size();
        const auto more = std::min(length - start, chunk);
        if (start > 0 && !hold.grow(more)) {
            co_return fail(
                ErrorCode::refused,
                fmt::format("the agent already holds {} bytes of unfinished requests: try again", desk_->held));
        }
        body.resize(start + more);
        const auto [error, got] = co_await asio::async_read(socket_, asio::buffer(body.data() + start, more), awaited);
        if (error) {
            close();
            co_return fail(ErrorCode::failed, error.message());
        }
    }
    co_return body;
}

std::string Session::answer(const api::Request& request) const {
    try {
        auto said = api::answer_body(desk_->handler(request, peer_));
        return said.size() <= api::max_answer_bytes
                   ? said
                   : refusal({ErrorCode::failed,
                              fmt::format("an answer of {} bytes is larger than {}: ask for less", said.size(),
                                          api::max_answer_bytes),
                              ""});
    } catch (const std::exception& error) {
        return refusal({ErrorCode::failed, fmt::format("the agent failed inside: {}", error.what()), ""});
    }
}

asio::awaitable<bool> Session::write(const std::string& body) {
    answering_ = true;
    close_in(desk_->limits.answering);
    const auto header = api::frame_header(body.size());
    const std::array<asio::const_buffer, 2> frame{asio::buffer(header), asio::buffer(body)};
    const auto [error, sent] = co_await asio::async_write(socket_, frame, awaited);
    answering_ = false;
    co_return !error && desk_->open;
}

// One of Desk::followers, for as long as it lives.
class Session::Seat {
  public:
    explicit Seat(Desk& desk) : desk_(desk) { ++desk_.followers; }
    ~Seat() { --desk_.followers; }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

  private:
    Desk& desk_;
};

Result<ControlServer::Followed> Session::begin_following(const api::Request& request) const {
    if (!desk_->follow) {
        return fail(ErrorCode::refused, "nothing can be followed here");
    }
    if (desk_->followers >= desk_->limits.followers) {
        return fail(ErrorCode::refused,
                    fmt::format("{} clients follow already, as many as may: end one first", desk_->followers));
    }
    try {
        return desk_->follow(request, peer_);
    } catch (const std::exception& error) {
        return fail(ErrorCode::failed, fmt::format("the agent failed inside: {}", error.what()));
    }
}

asio::awaitable<void> Session::follow(const api::Request& request) {
    const auto followed = begin_following(request);
    const std::string said = followed ? api::answer_body(api::Answer(followed->answer)) : refusal(followed.error());
    const bool taken = co_await write(said);
    if (!followed || !taken) {
        co_return;
    }
    const Seat seat(*desk_);
    answering_ = true; // so that it is not taken for a quiet one
    asio::co_spawn(socket_.get_executor(), watch_leaving(shared_from_this()), asio::detached);
    co_await send_all(*followed->backlog);
    followed->backlog->when_ready({});
}

// A follower has nothing more to say: what comes from it is its end. Without this, one that left would be noticed only
// with the next item.
asio::awaitable<void> Session::watch_leaving(std::shared_ptr<Session> session) {
    std::array<char, 1> byte{};
    co_await asio::async_read(session->socket_, asio::buffer(byte), awaited);
    session->close();
}

// However slow the reader is: what it costs is bounded, and what it misses it is told.
asio::awaitable<void> Session::send_all(api::Backlog& backlog) {
    deadline_.cancel();
    backlog.when_ready([this] { more_.cancel(); });
    while (desk_->open && socket_.is_open()) {
        const std::string frames = take_frames(backlog);
        if (!frames.empty()) {
            const auto [error, sent] = co_await asio::async_write(socket_, asio::buffer(frames), awaited);
            if (error) {
                co_return;
            }
        } else if (backlog.ended()) {
            co_return;
        } else {
            more_.expires_at(asio::steady_timer::time_point::max());
            co_await more_.async_wait(awaited);
        }
    }
}

} // namespace proxip::serve
