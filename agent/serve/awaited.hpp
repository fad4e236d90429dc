#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace proxip::serve {

// For co_await: gives (error, …) instead of throwing.
constexpr auto awaited = boost::asio::as_tuple(boost::asio::use_awaitable);

} // namespace proxip::serve
