#include "serve/web_server.hpp"

#include <chrono>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include "serve/awaited.hpp"

namespace proxip::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::size_t most_clients = 32;
constexpr std::uint32_t most_header_bytes = 8192;
constexpr std::chrono::seconds patience{5};
constexpr std::chrono::milliseconds pause_when_full{20};

// Shared with the coroutines, which outlive the server by a moment.
struct Shop {
    Shop(asio::io_context& loop, WebServer::Handler answer) : acceptor(loop), pause(loop), handler(std::move(answer)) {}

    tcp::acceptor acceptor;
    asio::steady_timer pause;
    WebServer::Handler handler;
    std::size_t clients = 0;
    bool closed = false;
};
using SharedShop = std::shared_ptr<Shop>;

using Request = http::request_parser<http::empty_body>;
using Response = http::response<http::string_body>;

WebAnswer plain(http::status status, std::string text) {
    return {.status = static_cast<unsigned>(status), .type = "text/plain; charset=utf-8", .body = std::move(text)};
}

WebAnswer answer_to(const Shop& shop, const http::request<http::empty_body>& request) {
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        return plain(http::status::method_not_allowed, "expected GET or HEAD\n");
    }
    const auto hosts = request.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && request.version() > 10)) {
        return plain(http::status::bad_request, "expected one Host header\n");
    }
    return shop.handler({.target = std::string(request.target()),
                         .host = hosts == 0 ? std::nullopt : std::optional(std::string(request[http::field::host]))});
}

void set_headers(Response& out, const std::string& type) {
    out.set(http::field::content_type, type);
    out.set(http::field::cache_control, "no-store");
    out.set("Content-Security-Policy", content_security_policy);
    out.set("X-Content-Type-Options", "nosniff");
    out.set("Referrer-Policy", "no-referrer");
    out.set("Cross-Origin-Resource-Policy", "same-origin");
    out.set("Cross-Origin-Opener-Policy", "same-origin");
    if (out.result() == http::status::method_not_allowed) {
        out.set(http::field::allow, "GET, HEAD");
    } else if (out.result() == http::status::service_unavailable) {
        out.set(http::field::retry_after, "1");
    }
}

Response response_to(const Shop& shop, const http::request<http::empty_body>& request) {
    auto answer = answer_to(shop, request);
    Response out(static_cast<http::status>(answer.status), request.version());
    set_headers(out, answer.type);
    out.keep_alive(false);
    out.content_length(answer.body.size());
    if (request.method() != http::verb::head) {
        out.body() = std::move(answer.body);
    }
    return out;
}

asio::awaitable<void> serve(SharedShop shop, tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer(most_header_bytes);
    Request parser;
    parser.header_limit(most_header_bytes);
    stream.expires_after(patience);
    const auto [unread, read] = co_await http::async_read(stream, buffer, parser, awaited);
    if (!unread && !shop->closed) {
        const Response response = response_to(*shop, parser.get());
        stream.expires_after(patience);
        co_await http::async_write(stream, response, awaited);
    }
    beast::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    --shop->clients;
}

asio::awaitable<void> take_in(SharedShop shop) {
    while (!shop->closed) {
        if (shop->clients >= most_clients) {
            shop->pause.expires_after(pause_when_full);
            co_await shop->pause.async_wait(awaited);
            continue;
        }
        auto [error, socket] = co_await shop->acceptor.async_accept(awaited);
        if (error == asio::error::operation_aborted) {
            co_return;
        }
        if (error) { // no descriptor is left: a moment later there may be one
            shop->pause.expires_after(pause_when_full);
            co_await shop->pause.async_wait(awaited);
            continue;
        }
        ++shop->clients;
        const auto executor = shop->acceptor.get_executor();
        asio::co_spawn(executor, serve(shop, std::move(socket)), asio::detached);
    }
}

class Open final : public WebServer {
  public:
    explicit Open(SharedShop shop) : shop_(std::move(shop)) {}
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    Open(Open&&) = delete;
    Open& operator=(Open&&) = delete;
    ~Open() override {
        shop_->closed = true;
        beast::error_code ignored;
        shop_->acceptor.close(ignored);
        shop_->pause.cancel();
    }

    [[nodiscard]] std::uint16_t port() const override {
        beast::error_code error;
        return shop_->acceptor.local_endpoint(error).port();
    }

  private:
    SharedShop shop_;
};

} // namespace

Result<std::unique_ptr<WebServer>> WebServer::listen(asio::io_context& loop, const SocketAddress& address,
                                                     Handler handler) {
    auto shop = std::make_shared<Shop>(loop, std::move(handler));
    const tcp::endpoint endpoint(asio::ip::make_address(address.address.text()), address.port);
    beast::error_code error;
    const auto step = [&](auto&& act) {
        if (!error) {
            act();
        }
    };
    step([&] { shop->acceptor.open(endpoint.protocol(), error); });
    step([&] { shop->acceptor.set_option(asio::socket_base::reuse_address(true), error); });
    step([&] { shop->acceptor.bind(endpoint, error); });
    step([&] { shop->acceptor.listen(asio::socket_base::max_listen_connections, error); });
    if (error) {
        return fail(ErrorCode::failed, fmt::format("cannot listen on {}: {}", address.text(), error.message()),
                    "agent.metrics");
    }
    asio::co_spawn(loop, take_in(shop), asio::detached);
    return std::make_unique<Open>(std::move(shop));
}

} // namespace proxip::serve
