#include "probe/udp_probe.hpp"

#include <netinet/in.h>
#include <tuple>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "model/codec.hpp"
#include "model/text.hpp"
#include "probe/endpoints.hpp"

namespace proxip::probe {

namespace asio = boost::asio;
using asio::ip::udp;

static_assert(limits::max_check_text <= 2048);

boost::system::error_code UdpProbe::send() {
    const udp::endpoint endpoint{to_asio(target().backend.address), port()};
    // Without it a connected socket is told of an unreachable port, but of no unreachable host (ip(7)).
    using ToldV4 = asio::detail::socket_option::boolean<IPPROTO_IP, IP_RECVERR>;
    using ToldV6 = asio::detail::socket_option::boolean<IPPROTO_IPV6, IPV6_RECVERR>;
    boost::system::error_code error;
    if (socket_.open(endpoint.protocol(), error) || socket_.non_blocking(true, error) ||
        (endpoint.address().is_v4() ? socket_.set_option(ToldV4(true), error)
                                    : socket_.set_option(ToldV6(true), error)) ||
        socket_.connect(endpoint, error)) {
        return error;
    }
    std::ignore = socket_.send(asio::buffer(check().send), 0, error);
    return error;
}

asio::awaitable<Outcome> UdpProbe::attempt() {
    if (const auto error = send()) {
        co_return failure(error);
    }
    boost::system::error_code error;
    const std::size_t length =
        co_await socket_.async_receive(asio::buffer(answer_), asio::redirect_error(asio::use_awaitable, error));
    co_return error ? failure(error) : judged({answer_.data(), length});
}

Outcome UdpProbe::judged(std::string_view answer) const {
    if (answer.starts_with(check().expect)) {
        return success("answered", started());
    }
    return {.success = false, .detail = fmt::format("answered {}, expected {}", quote(answer), quote(check().expect))};
}

Outcome UdpProbe::timed_out() const {
    if (!check().expect.empty()) {
        return Probe::timed_out();
    }
    return {.success = true, .detail = fmt::format("not refused in {}", duration_text(check().patience()))};
}

void UdpProbe::abandon() {
    boost::system::error_code ignored;
    std::ignore = socket_.close(ignored);
}

} // namespace proxip::probe
