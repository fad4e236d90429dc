#include "serve/control_server.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "serve/awaited.hpp"
#include "serve/session.hpp"
#include "serve/unix_listener.hpp"

namespace proxip::serve {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;

std::optional<Peer> peer_of(int socket) {
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return std::nullopt;
    }
    return Peer{credentials.pid, credentials.uid, credentials.gid};
}

// The front door: takes clients in, and shows the quietest one out when there is no room.
class Door : public std::enable_shared_from_this<Door> {
  public:
    Door(asio::io_context& loop, std::shared_ptr<Desk> desk)
        : loop_(loop), acceptor_(loop), pause_(loop), desk_(std::move(desk)) {}

    void open(int listening);
    void close();

  private:
    static asio::awaitable<void> accept_clients(std::shared_ptr<Door> door);
    static asio::awaitable<void> attend(std::shared_ptr<Door> door, std::shared_ptr<Session> session);
    void admit(stream_protocol::socket socket);
    bool make_room(); // false: nobody was there to be closed

    asio::io_context& loop_;
    stream_protocol::acceptor acceptor_;
    asio::steady_timer pause_;
    std::shared_ptr<Desk> desk_;
    std::vector<std::shared_ptr<Session>> sessions_;
};

void Door::open(int listening) {
    acceptor_.assign(stream_protocol{}, listening);
    asio::co_spawn(loop_, accept_clients(shared_from_this()), asio::detached);
}

void Door::close() {
    desk_->open = false;
    boost::system::error_code ignored;
    ignored = acceptor_.close(ignored);
    pause_.cancel();
    for (const auto& session : std::exchange(sessions_, {})) {
        session->close();
    }
}

asio::awaitable<void> Door::accept_clients(std::shared_ptr<Door> door) {
    constexpr std::chrono::milliseconds breath{20};
    bool failed_before = false;
    while (door->desk_->open) {
        auto [error, socket] = co_await door->acceptor_.async_accept(awaited);
        if (!door->desk_->open) {
            break;
        }
        if (!error) {
            failed_before = false;
            door->admit(std::move(socket));
            continue;
        }
        // Out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM): the client waits in the backlog, and a quiet
        // one gives its descriptor up. Where that does not help, the pause keeps it from becoming a busy loop.
        if (door->make_room() && !std::exchange(failed_before, true)) {
            continue;
        }
        door->pause_.expires_after(breath);
        co_await door->pause_.async_wait(awaited);
    }
}

void Door::admit(stream_protocol::socket socket) {
    const auto peer = peer_of(socket.native_handle());
    if (!peer) {
        return;
    }
    if (sessions_.size() >= desk_->limits.clients) {
        make_room();
    }
    auto session = std::make_shared<Session>(std::move(socket), *peer, desk_);
    sessions_.push_back(session);
    asio::co_spawn(loop_, attend(shared_from_this(), std::move(session)), asio::detached);
}

// Closes the client that is quiet for longest; one that is taking its answer only if there is no other.
bool Door::make_room() {
    const auto rank = [](const std::shared_ptr<Session>& session) {
        return std::pair(session->answering(), session->quiet_since());
    };
    const auto quietest = std::ranges::min_element(sessions_, {}, rank);
    if (quietest == sessions_.end()) {
        return false;
    }
    const auto session = std::move(*quietest);
    sessions_.erase(quietest);
    session->close();
    return true;
}

asio::awaitable<void> Door::attend(std::shared_ptr<Door> door, std::shared_ptr<Session> session) {
    co_await Session::run(session);
    std::erase(door->sessions_, session);
}

class Server final : public ControlServer {
  public:
    Server(asio::io_context& loop, Handler handler, FollowHandler follow, Limits limits, UnixListener listener)
        : listener_(std::move(listener)),
          door_(std::make_shared<Door>(
              loop, std::make_shared<Desk>(
                        Desk{.handler = std::move(handler), .follow = std::move(follow), .limits = limits}))) {
        door_->open(listener_.release());
    }
    ~Server() override {
        door_->close();
        listener_.remove();
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

  private:
    UnixListener listener_;
    std::shared_ptr<Door> door_;
};

} // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::listen(asio::io_context& loop, const std::filesystem::path& path,
                                                             Handler handler, Limits limits, FollowHandler follow) {
    auto listener = UnixListener::open(path);
    if (!listener) {
        return std::unexpected(std::move(listener.error()));
    }
    try {
        return std::make_unique<Server>(loop, std::move(handler), std::move(follow), limits, std::move(*listener));
    } catch (const boost::system::system_error& error) {
        return fail_errno("control socket", error.code().value());
    }
}

} // namespace proxip::serve
