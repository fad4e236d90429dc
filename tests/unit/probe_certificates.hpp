#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <boost/asio/ssl.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace proxip::probe::test {

// An authority, and a server's certificate of its own; both by openssl(1), as a user would make them.
class Certificates {
  public:
    Certificates() {
        std::string name = (std::filesystem::temp_directory_path() / "proxip-tls-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        folder_ = name;
        run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 "
            "-subj '/CN=test authority'");
        run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr "
            "-subj /CN=www.example.org");
        std::ofstream(folder_ / "names") << "subjectAltName=DNS:www.example.org,IP:127.0.0.1\n";
        run("openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names "
            "-out server.pem");
    }
    Certificates(const Certificates&) = delete;
    Certificates& operator=(const Certificates&) = delete;
    ~Certificates() { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }
    [[nodiscard]] boost::asio::ssl::context server_context() const {
        boost::asio::ssl::context context(boost::asio::ssl::context::tls_server);
        context.use_certificate_chain_file(path("server.pem"));
        context.use_private_key_file(path("server.key"), boost::asio::ssl::context::pem);
        return context;
    }

  private:
    void run(const std::string& command) const {
        INFO(command);
        REQUIRE(std::system(fmt::format("cd {} && {} >log 2>&1", folder_.string(), command).c_str()) == 0);
    }
    std::filesystem::path folder_;
};

} // namespace proxip::probe::test
