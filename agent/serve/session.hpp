#pragma once

// One client of the control socket: requests in, answers out, each within its time and size.

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "api/framing.hpp"
#include "serve/control_server.hpp"

namespace proxip::serve {

// What the sessions share. All of it belongs to the loop's one thread.
struct Desk {
    ControlServer::Handler handler;
    ControlServer::FollowHandler follow;
    ControlServer::Limits limits;
    std::size_t followers = 0;
    std::size_t held = 0; // bytes of large requests that have not been answered
    bool open = true;     // false: the server has ended, and the handler must not be called
};

class Session : public std::enable_shared_from_this<Session> {
  public:
    using Clock = std::chrono::steady_clock;
    using Socket = boost::asio::local::stream_protocol::socket;

    Session(Socket socket, Peer peer, std::shared_ptr<Desk> desk);

    // Until the client leaves, errs, is too slow, or is closed from outside. Keeps itself alive meanwhile.
    static boost::asio::awaitable<void> run(std::shared_ptr<Session> session);
    void close();

    [[nodiscard]] bool answering() const { return answering_; }
    [[nodiscard]] Clock::time_point quiet_since() const { return quiet_since_; } // the last whole request, or the start

  private:
    class Hold; // this session's part of Desk::held
    class Seat; // and of Desk::followers

    [[nodiscard]] boost::asio::awaitable<bool> converse(); // one request; false: no more
    [[nodiscard]] boost::asio::awaitable<bool> read_header();
    [[nodiscard]] boost::asio::awaitable<Result<std::string>> read_body(std::size_t length, Hold& hold);
    [[nodiscard]] boost::asio::awaitable<bool> write(const std::string& body);
    [[nodiscard]] std::string answer(const api::Request& request) const;
    [[nodiscard]] Result<ControlServer::Followed> begin_following(const api::Request& request) const;
    [[nodiscard]] boost::asio::awaitable<void> follow(const api::Request& request);
    [[nodiscard]] boost::asio::awaitable<void> send_all(api::Backlog& backlog);
    static boost::asio::awaitable<void> watch_leaving(std::shared_ptr<Session> session);
    void close_in(std::chrono::seconds limit);

    Socket socket_;
    boost::asio::steady_timer deadline_;
    Peer peer_;
    std::shared_ptr<Desk> desk_;
    std::array<std::uint8_t, api::header_bytes> header_{};
    Clock::time_point quiet_since_ = Clock::now();
    bool answering_ = false;
    boost::asio::steady_timer more_; // cancelled when there is more to send to a follower
};

} // namespace proxip::serve
