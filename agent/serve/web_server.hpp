#pragma once

// HTTP/1.1 for those who only read: GET and HEAD, one answer a connection.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "model/address.hpp"
#include "model/result.hpp"

namespace proxip::serve {

struct WebAnswer {
    unsigned status = 200;
    std::string type; // "text/plain; charset=utf-8"
    std::string body;
};

class WebServer {
  public:
    // By the request's target ("/metrics"). Called on the loop.
    using Handler = std::function<WebAnswer(const std::string& target)>;

    // Refused when the address cannot be listened on. Requests of more than 8 KiB, with a body, or slower than five
    // seconds are not answered; of more than 32 clients at a time the others wait.
    [[nodiscard]] static Result<std::unique_ptr<WebServer>> listen(boost::asio::io_context& loop,
                                                                   const SocketAddress& address, Handler handler);
    [[nodiscard]] virtual std::uint16_t port() const = 0; // that it listens on: with port 0 the kernel chooses
    virtual ~WebServer() = default;                       // nobody is taken in any more; answers under way are given up
};

} // namespace proxip::serve
