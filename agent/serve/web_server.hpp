#pragma once

// HTTP/1.1 for those who only read: GET and HEAD, one answer a connection.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "model/address.hpp"
#include "model/result.hpp"

namespace proxip::serve {

struct WebRequest {
    std::string target;              // "/metrics"
    std::optional<std::string> host; // the Host header; none only in HTTP/1.0
};

struct WebAnswer {
    unsigned status = 200;
    std::string type; // "text/plain; charset=utf-8"
    std::string body;
};

// What a browser may do with what it gets here: load the page's own files, ask for its own data, and nothing else.
inline constexpr const char* content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

class WebServer {
  public:
    // Called on the loop.
    using Handler = std::function<WebAnswer(const WebRequest& request)>;

    // Refused when the address cannot be listened on. Requests of more than 8 KiB, with a body, or slower than five
    // seconds are not answered; of more than 32 clients at a time the others wait. HTTP/1.1 without a Host header, or
    // any with two, is refused (RFC 9112 section 3.2).
    [[nodiscard]] static Result<std::unique_ptr<WebServer>> listen(boost::asio::io_context& loop,
                                                                   const SocketAddress& address, Handler handler);
    [[nodiscard]] virtual std::uint16_t port() const = 0; // that it listens on: with port 0 the kernel chooses
    virtual ~WebServer() = default;                       // nobody is taken in any more; answers under way are given up
};

} // namespace proxip::serve
