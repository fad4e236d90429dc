#pragma once

// The control socket: Unix stream, mode 0660, group by option; framing and messages are api's.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <sys/types.h>

#include <boost/asio/io_context.hpp>

#include "api/messages.hpp"
#include "api/stream.hpp"
#include "model/result.hpp"

namespace proxip::serve {

struct Peer { // SO_PEERCRED
    pid_t pid = 0;
    uid_t uid = 0;
    gid_t gid = 0;
};

class ControlServer {
  public:
    using Handler = std::function<Result<api::Answer>(const api::Request&, const Peer&)>;
    // For requests that follow: the answer, and what comes after it. The backlog is let go when the client is.
    struct Followed {
        api::Following answer;
        std::shared_ptr<api::Backlog> backlog;
    };
    using FollowHandler = std::function<Result<Followed>(const api::Request&, const Peer&)>;

    struct Limits {
        std::size_t clients = 512;          // above: the one that is idle for longest is closed to make room
        std::size_t held_bytes = 64U << 20; // of all large requests that have not arrived whole; above: refused
        std::size_t request_bytes = 16U << 20;
        std::chrono::seconds idle{30};      // between two requests, and for one request to arrive whole
        std::chrono::seconds answering{30}; // for a client to take its answer
        std::size_t followers = 64;         // clients that follow; above: refused
    };

    // A stale socket (nobody listens) is replaced; one that answers is refused. Junk closes only the client that sent
    // it, after an error answer where its framing allows one. The socket is removed when the server ends.
    [[nodiscard]] static Result<std::unique_ptr<ControlServer>> listen(boost::asio::io_context& loop,
                                                                       const std::filesystem::path& path,
                                                                       Handler handler, Limits limits,
                                                                       FollowHandler follow = {});
    virtual ~ControlServer() = default;
};

} // namespace proxip::serve
