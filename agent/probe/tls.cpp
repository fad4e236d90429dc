#include "probe/tls.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "probe/facts.hpp"

namespace proxip::probe {

namespace ssl = boost::asio::ssl;

namespace {

Result<std::shared_ptr<ssl::context>> load(const Check& check) {
    boost::system::error_code error;
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    if (!check.verify) {
        std::ignore = context->set_verify_mode(ssl::verify_none, error);
    } else {
        std::ignore = context->set_verify_mode(ssl::verify_peer, error);
        std::ignore = check.ca_file.empty() ? context->set_default_verify_paths(error)
                                            : context->load_verify_file(check.ca_file, error);
    }
    if (error) {
        return fail(ErrorCode::failed, fmt::format("cannot read certificates: {}", words(error)), check.ca_file);
    }
    return context;
}

} // namespace

Result<std::shared_ptr<ssl::context>> TlsContexts::get(const Check& check) {
    std::filesystem::file_time_type written{};
    if (check.verify && !check.ca_file.empty()) {
        std::error_code error;
        written = std::filesystem::last_write_time(check.ca_file, error);
        if (error) {
            return fail(ErrorCode::failed, error.message(), check.ca_file);
        }
    }
    const std::pair key(check.verify, check.verify ? check.ca_file : std::string());
    if (const auto known = loaded_.find(key); known != loaded_.end() && known->second.written == written) {
        return known->second.context;
    }
    auto context = load(check);
    if (context) {
        loaded_[key] = {.written = written, .context = *context};
    }
    return context;
}

void TlsSession::offer(TlsStream& stream) const {
    if (session_) {
        SSL_set_session(stream.native_handle(), session_.get());
    }
}

void TlsSession::keep(TlsStream& stream, const Check& check) {
    if (check.verify) {
        return;
    }
    // It is hung up without a farewell, which OpenSSL would take for a broken session, not to be resumed.
    SSL_set_shutdown(stream.native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    session_.reset(SSL_get1_session(stream.native_handle()));
}

Result<void> name_server(TlsStream& stream, const Check& check, const Address& backend) {
    SSL* const handle = stream.native_handle();
    const std::string name = check.host.empty() ? backend.text() : check.host;
    const bool is_address = Address::parse(name).has_value(); // those are not for server_name
    bool done = is_address || SSL_set_tlsext_host_name(handle, name.c_str()) == 1;
    if (check.verify) {
        done = done && (is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), name.c_str())
                                   : SSL_set1_host(handle, name.c_str())) == 1;
    }
    return done ? Result<void>{} : fail(ErrorCode::failed, fmt::format("TLS takes no server name \"{}\"", name));
}

Outcome handshake_failure(TlsStream& stream, const boost::system::error_code& error) {
    const long verdict = SSL_get_verify_result(stream.native_handle());
    if (verdict != X509_V_OK && SSL_get_verify_mode(stream.native_handle()) != SSL_VERIFY_NONE) {
        return {.success = false,
                .detail =
                    fmt::format("TLS: the certificate does not hold: {}", X509_verify_cert_error_string(verdict))};
    }
    return failure(error, "TLS");
}

} // namespace proxip::probe
