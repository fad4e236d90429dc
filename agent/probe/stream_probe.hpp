#pragma once

// Checks over TCP: it accepts; it answers HTTP; it does so in TLS. Each ends by RST, so that no TIME_WAIT is left on
// this host (2,500 checks a second would use up its ports).

#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "probe/probe.hpp"
#include "probe/tls.hpp"

namespace proxip::probe {

class StreamProbe : public Probe {
  public:
    StreamProbe(const boost::asio::any_io_executor& executor, const Target& target)
        : Probe(executor, target), socket_(executor) {}

  protected:
    // Once connected.
    [[nodiscard]] virtual boost::asio::awaitable<Outcome> talk() = 0;
    [[nodiscard]] boost::asio::ip::tcp::socket& socket() { return socket_; }

  private:
    [[nodiscard]] boost::asio::awaitable<Outcome> attempt() final;
    void abandon() final;

    boost::asio::ip::tcp::socket socket_;
};

class TcpProbe final : public StreamProbe {
  public:
    using StreamProbe::StreamProbe;

  private:
    [[nodiscard]] boost::asio::awaitable<Outcome> talk() override;
};

// GET, and a status that is expected (RFC 9110, RFC 9112). The body is not read.
class HttpProbe final : public StreamProbe {
  public:
    HttpProbe(const boost::asio::any_io_executor& executor, const Target& target);

  private:
    [[nodiscard]] boost::asio::awaitable<Outcome> talk() override;

    std::string request_;
};

class HttpsProbe final : public StreamProbe {
  public:
    HttpsProbe(const boost::asio::any_io_executor& executor, const Target& target, std::shared_ptr<Means> means);

  private:
    [[nodiscard]] boost::asio::awaitable<Outcome> talk() override;

    std::shared_ptr<Means> means_;
    TlsSession session_;
    std::string request_;
};

} // namespace proxip::probe
