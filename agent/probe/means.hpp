#pragma once

// What all probes of a checker share.

#include <memory>

#include "probe/echo_socket.hpp"
#include "probe/tls.hpp"

namespace proxip::probe {

class Means {
  public:
    explicit Means(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    [[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> tls(const Check& check) { return tls_.get(check); }
    // One for each family, open as long as somebody keeps it.
    [[nodiscard]] Result<std::shared_ptr<EchoSocket>> echo(Family family) {
        std::weak_ptr<EchoSocket>& known = family == Family::v4 ? echo_v4_ : echo_v6_;
        if (auto open = known.lock()) {
            return open;
        }
        auto opened = EchoSocket::open(executor_, family);
        if (opened) {
            known = *opened;
        }
        return opened;
    }

  private:
    boost::asio::any_io_executor executor_;
    TlsContexts tls_;
    std::weak_ptr<EchoSocket> echo_v4_;
    std::weak_ptr<EchoSocket> echo_v6_;
};

} // namespace proxip::probe
