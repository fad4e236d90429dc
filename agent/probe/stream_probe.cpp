#include "probe/stream_probe.hpp"

#include <tuple>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>

#include "probe/endpoints.hpp"
#include "probe/means.hpp"

namespace proxip::probe {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;
constexpr std::uint32_t longest_header = 64U << 10;

// Host as the check says, else the address; the port where it is not the scheme's own (RFC 9110 section 7.2).
std::string request_text(const Check& check, const SocketAddress& called, std::uint16_t usual_port) {
    std::string host = check.host.empty() ? called.address.text() : check.host;
    if (host.find(':') != std::string::npos) {
        host = '[' + host + ']';
    }
    if (check.host.empty() && called.port != usual_port) {
        host += fmt::format(":{}", called.port);
    }
    return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: proxip\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                       check.path, host);
}

template <typename Stream>
asio::awaitable<Outcome> exchange(Stream& stream, const std::string& request, const StatusSet& expected,
                                  Clock::time_point started) {
    boost::system::error_code error;
    for (std::size_t sent = 0; !error && sent < request.size();) {
        sent += co_await stream.async_write_some(asio::buffer(request) + sent,
                                                 asio::redirect_error(asio::use_awaitable, error));
    }
    boost::beast::flat_buffer buffer;
    unsigned status = 0;
    // Interim answers come before the one that counts (RFC 9110 section 15.2).
    while (!error && (status == 0 || (status < 200 && status != 101))) {
        http::response_parser<http::empty_body> answer;
        answer.header_limit(longest_header);
        std::tie(error, std::ignore) =
            co_await http::async_read_header(stream, buffer, answer, asio::as_tuple(asio::use_awaitable));
        status = answer.get().result_int();
    }
    if (error) {
        co_return failure(error, "HTTP");
    }
    if (!expected.contains(status)) {
        co_return Outcome{.success = false, .detail = fmt::format("HTTP {}, expected {}", status, expected.text())};
    }
    co_return success(fmt::format("HTTP {}", status), started);
}

} // namespace

asio::awaitable<Outcome> StreamProbe::attempt() {
    const tcp::endpoint endpoint{to_asio(target().backend.address), port()};
    boost::system::error_code error;
    if (!socket_.open(endpoint.protocol(), error) && !socket_.set_option(asio::socket_base::linger(true, 0), error)) {
        co_await socket_.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) {
        co_return failure(error);
    }
    co_return co_await talk();
}

void StreamProbe::abandon() {
    boost::system::error_code ignored;
    std::ignore = socket_.close(ignored);
}

asio::awaitable<Outcome> TcpProbe::talk() {
    co_return success("connected", started());
}

HttpProbe::HttpProbe(const asio::any_io_executor& executor, const Target& target)
    : StreamProbe(executor, target),
      request_(request_text(check(), {.address = target.backend.address, .port = port()}, http_port)) {}

asio::awaitable<Outcome> HttpProbe::talk() {
    co_return co_await exchange(socket(), request_, check().status, started());
}

HttpsProbe::HttpsProbe(const asio::any_io_executor& executor, const Target& target, std::shared_ptr<Means> means)
    : StreamProbe(executor, target), means_(std::move(means)),
      request_(request_text(check(), {.address = target.backend.address, .port = port()}, https_port)) {}

asio::awaitable<Outcome> HttpsProbe::talk() {
    auto context = means_->tls(check());
    if (!context) {
        co_return not_made(context.error().text());
    }
    asio::ssl::stream<tcp::socket&> stream(socket(), **context);
    if (const auto named = name_server(stream, check(), target().backend.address); !named) {
        co_return not_made(named.error().text());
    }
    session_.offer(stream);
    boost::system::error_code error;
    std::tie(error) =
        co_await stream.async_handshake(asio::ssl::stream_base::client, asio::as_tuple(asio::use_awaitable));
    if (error) {
        session_.forget();
        co_return handshake_failure(stream, error);
    }
    const Outcome outcome = co_await exchange(stream, request_, check().status, started());
    session_.keep(stream, check()); // TLS 1.3 gives its ticket only behind the handshake
    co_return outcome;
}

} // namespace proxip::probe
