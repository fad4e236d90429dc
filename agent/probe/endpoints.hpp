#pragma once

#include <algorithm>

#include <boost/asio/ip/address.hpp>

#include "model/address.hpp"

namespace proxip::probe {

[[nodiscard]] inline boost::asio::ip::address to_asio(const Address& address) {
    if (address.family == Family::v6) {
        return boost::asio::ip::address_v6(address.bytes);
    }
    boost::asio::ip::address_v4::bytes_type bytes{};
    std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
    return boost::asio::ip::address_v4(bytes);
}

} // namespace proxip::probe
