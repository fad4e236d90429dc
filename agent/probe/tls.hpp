#pragma once

// TLS as a health check needs it: contexts that many checks share, the server's name, and failures in words.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "model/config.hpp"
#include "probe/checker.hpp"

namespace proxip::probe {

using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

// To read the system's authorities takes tens of milliseconds, so it is done once. A ca_file is read again when it
// changed.
class TlsContexts {
  public:
    [[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> get(const Check& check);

  private:
    struct Loaded {
        std::filesystem::file_time_type written;
        std::shared_ptr<boost::asio::ssl::context> context;
    };
    std::map<std::pair<bool, std::string>, Loaded> loaded_; // by verify and ca_file
};

// A session that was agreed on before is resumed: half the work of a handshake. Not where certificates are verified,
// for a resumed session shows none.
class TlsSession {
  public:
    void offer(TlsStream& stream) const;
    void keep(TlsStream& stream, const Check& check);
    void forget() { session_.reset(); }

  private:
    struct Free {
        void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
    };
    std::unique_ptr<SSL_SESSION, Free> session_;
};

// Whom it asks for (RFC 6066 section 3), and whose name the certificate must have where it is verified.
[[nodiscard]] Result<void> name_server(TlsStream& stream, const Check& check, const Address& backend);
[[nodiscard]] Outcome handshake_failure(TlsStream& stream, const boost::system::error_code& error);

} // namespace proxip::probe
