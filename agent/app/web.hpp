#pragma once

// What is served over HTTP, where the configuration says: the status page at /, its data at /status.json, and /metrics.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "app/metrics.hpp"
#include "app/page_query.hpp"
#include "model/config.hpp"
#include "serve/web_server.hpp"

namespace proxip::app {

class Web {
  public:
    struct Sources {
        std::function<Readings()> readings;
        std::function<std::string(const PageQuery&)> status; // JSON
        std::string own_name;                                // of this host
    };
    Web(boost::asio::io_context& loop, Sources sources) : loop_(loop), sources_(std::move(sources)) {}

    // Listens on `metrics`. An address that cannot be had does not keep the load balancer from its work: it is told,
    // and tried again.
    void follow(const AgentConfig& agent);
    [[nodiscard]] const std::string& trouble() const { return trouble_; } // "": none

    // Texts are made once a second at most, however often somebody asks; of /status.json for at most 16 different
    // questions a second, others are told to come again (503). The page and its data are for those who call this host
    // by a name of its own (web_host.hpp); /metrics for all where it listens on more than loopback, since Prometheus
    // may call it by any name.
    [[nodiscard]] serve::WebAnswer answer(const serve::WebRequest& request);

  private:
    using Clock = std::chrono::steady_clock;
    [[nodiscard]] bool may_ask(const serve::WebRequest& request, std::string_view path) const;
    [[nodiscard]] serve::WebAnswer status(const std::string& target);
    void forget_stale();

    boost::asio::io_context& loop_;
    Sources sources_;
    std::string address_; // that is listened on
    bool on_loopback_ = true;
    std::string trouble_;
    std::optional<std::string> metrics_;
    std::map<PageQuery, std::string> statuses_;
    Clock::time_point stale_at_;
    std::unique_ptr<serve::WebServer> server_;
};

} // namespace proxip::app
