#include "probe/echo_probe.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "probe/endpoints.hpp"
#include "probe/means.hpp"

namespace proxip::probe {

namespace asio = boost::asio;

asio::awaitable<Outcome> EchoProbe::attempt() {
    if (!socket_) {
        auto opened = means_->echo(target().backend.address.family);
        if (!opened) {
            co_return not_made(opened.error().text());
        }
        socket_ = std::move(*opened);
    }
    answered_ = false;
    number_ = socket_->expect(to_asio(target().backend.address), [this] {
        answered_ = true;
        answer_.cancel();
    });
    if (const auto error = socket_->send(*number_)) {
        co_return failure(error);
    }
    boost::system::error_code cancelled;
    answer_.expires_at(asio::steady_timer::time_point::max());
    co_await answer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    co_return answered_ ? success("answered", started()) : timed_out();
}

void EchoProbe::abandon() {
    if (number_ && socket_) {
        socket_->forget(*number_); // its answer would be for one who may be gone
        number_.reset();
    }
    answer_.cancel();
}

} // namespace proxip::probe
