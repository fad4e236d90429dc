#pragma once

// What is served over HTTP, where the configuration says: /metrics.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "app/metrics.hpp"
#include "model/config.hpp"
#include "serve/web_server.hpp"

namespace proxip::app {

class Web {
  public:
    Web(boost::asio::io_context& loop, std::function<Readings()> readings)
        : loop_(loop), readings_(std::move(readings)) {}

    // Listens on `metrics`. An address that cannot be had does not keep the load balancer from its work: it is told,
    // and tried again.
    void follow(const AgentConfig& agent);
    [[nodiscard]] const std::string& trouble() const { return trouble_; } // "": none

  private:
    using Clock = std::chrono::steady_clock;
    [[nodiscard]] serve::WebAnswer answer(const std::string& target);

    boost::asio::io_context& loop_;
    std::function<Readings()> readings_;
    std::string address_; // that is listened on
    std::string trouble_;
    std::string text_;
    Clock::time_point stale_at_;
    std::unique_ptr<serve::WebServer> server_;
};

} // namespace proxip::app
