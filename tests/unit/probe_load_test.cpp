#include <array>
#include <ctime>
#include <map>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include "model/codec.hpp"
#include "probe_bench.hpp"
#include "probe_certificates.hpp"

// Does one core keep up? The servers stand in a thread of their own, so that only the checks' time is counted.

using namespace std::chrono_literals;
using namespace proxip;
using namespace proxip::probe::test;
using boost::asio::ip::tcp;
using boost::asio::ip::udp;

namespace probe_load_test {
namespace {

class Servers {
  public:
    explicit Servers(boost::asio::ssl::context* tls)
        : acceptor_(loop_, tcp::endpoint{loopback, 0}), questions_(loop_, acceptor_endpoint()), tls_(tls) {
        acceptor_.listen(4096);
        boost::asio::co_spawn(loop_, accept(), boost::asio::detached);
        boost::asio::co_spawn(loop_, answer_questions(), boost::asio::detached);
        thread_ = std::thread([this] { loop_.run(); });
    }
    Servers(const Servers&) = delete;
    Servers& operator=(const Servers&) = delete;
    ~Servers() {
        loop_.stop();
        thread_.join();
    }
    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  private:
    boost::asio::awaitable<void> accept() {
        for (;;) {
            boost::system::error_code error;
            tcp::socket socket =
                co_await acceptor_.async_accept(boost::asio::redirect_error(boost::asio::use_awaitable, error));
            if (!error) {
                boost::asio::co_spawn(loop_, serve(std::move(socket)), boost::asio::detached);
            }
        }
    }
    boost::asio::awaitable<void> serve(tcp::socket socket) {
        if (tls_ == nullptr) {
            co_await answer(socket);
            co_return;
        }
        boost::system::error_code error;
        boost::asio::ssl::stream<tcp::socket> stream(std::move(socket), *tls_);
        co_await stream.async_handshake(boost::asio::ssl::stream_base::server,
                                        boost::asio::redirect_error(boost::asio::use_awaitable, error));
        if (!error) {
            co_await answer(stream);
        }
    }
    template <typename Stream>
    static boost::asio::awaitable<void> answer(Stream& socket) {
        boost::system::error_code error;
        std::string request;
        co_await boost::asio::async_read_until(socket, boost::asio::dynamic_buffer(request), "\r\n\r\n",
                                               boost::asio::redirect_error(boost::asio::use_awaitable, error));
        if (!error) {
            constexpr std::string_view reply = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
            co_await boost::asio::async_write(socket, boost::asio::buffer(reply),
                                              boost::asio::redirect_error(boost::asio::use_awaitable, error));
            char byte = 0; // the check hangs up first, by RST
            co_await socket.async_read_some(boost::asio::buffer(&byte, 1),
                                            boost::asio::redirect_error(boost::asio::use_awaitable, error));
        }
    }

    boost::asio::awaitable<void> answer_questions() {
        boost::system::error_code error;
        while (!error) {
            std::array<char, 64> question{};
            udp::endpoint from;
            const auto length = co_await questions_.async_receive_from(
                boost::asio::buffer(question), from, boost::asio::redirect_error(boost::asio::use_awaitable, error));
            boost::system::error_code lost;
            static_cast<void>(questions_.send_to(boost::asio::buffer(question.data(), length), from, 0, lost));
        }
    }
    [[nodiscard]] udp::endpoint acceptor_endpoint() const { return {loopback, port()}; }

    boost::asio::io_context loop_{1};
    tcp::acceptor acceptor_;
    udp::socket questions_;
    boost::asio::ssl::context* tls_;
    std::thread thread_;
};

double thread_cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

} // namespace

TEST_CASE("5,000 targets every 2 s on one core, of https 500", "[probe][load]") {
    using enum CheckType;
    const CheckType type = GENERATE(tcp, http, https, udp, icmp);
    if (type == icmp && ::geteuid() != 0) {
        return;
    }
    // Of https fewer, since the servers' half of TLS takes the other core.
    const int targets = type == https ? 500 : 5000;
    constexpr int rounds = 3;
    const Certificates certificates;
    boost::asio::ssl::context tls = certificates.server_context();
    const Servers servers(type == https ? &tls : nullptr);
    Bench bench;
    std::vector<probe::Target> all;
    for (int i = 0; i < targets; ++i) {
        all.push_back(target(servers.port(), 2s, 2s, "service" + std::to_string(i)));
        all.back().check.type = type;
        all.back().check.send = "ping";
        all.back().check.expect = "ping";
    }
    const auto cpu = thread_cpu_seconds();
    const auto begun = Clock::now();
    bench.checker->watch(all);
    std::map<std::string, int> seen;
    std::size_t counted = 0;
    int served = 0; // those that had their rounds
    const bool done = bench.until(
        [&] {
            for (; counted < bench.reports.size(); ++counted) {
                served += ++seen[bench.reports[counted].target.service] == rounds ? 1 : 0;
            }
            return served == targets;
        },
        60s);
    const std::chrono::duration<double> taken = Clock::now() - begun;
    const auto failures =
        std::ranges::count_if(bench.reports, [](const Reported& report) { return !report.outcome.success; });
    WARN(targets << " of " << enum_name(type) << ": " << bench.reports.size() << " checks in " << taken.count()
                 << " s, of which " << failures << " failed, " << 100 * (thread_cpu_seconds() - cpu) / taken.count()
                 << " % of a core");
    CHECK(done);
    CHECK(failures == 0);
}

} // namespace probe_load_test
