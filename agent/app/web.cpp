#include "app/web.hpp"

#include <spdlog/spdlog.h>

namespace proxip::app {

namespace {

constexpr std::chrono::seconds text_life{1}; // however often somebody asks

} // namespace

void Web::follow(const AgentConfig& agent) {
    if (agent.metrics == address_ && (server_ != nullptr || address_.empty())) {
        return;
    }
    server_.reset();
    address_ = agent.metrics;
    std::string trouble;
    if (!address_.empty()) {
        const auto place = SocketAddress::parse(address_);
        auto server = place ? serve::WebServer::listen(loop_, *place,
                                                       [this](const std::string& target) { return answer(target); })
                            : std::unexpected(place.error());
        if (server) {
            server_ = std::move(*server);
            spdlog::info("metrics: http://{}/metrics", address_);
        } else {
            trouble = server.error().message;
        }
    }
    if (trouble != trouble_ && !trouble.empty()) {
        spdlog::warn("metrics: {}", trouble);
    }
    trouble_ = std::move(trouble);
}

serve::WebAnswer Web::answer(const std::string& target) {
    if (target.substr(0, target.find('?')) == "/metrics") {
        const auto now = Clock::now();
        if (now >= stale_at_) {
            text_ = metrics_text(readings_());
            stale_at_ = now + text_life;
        }
        return {.status = 200, .type = "text/plain; version=0.0.4; charset=utf-8", .body = text_};
    }
    return {.status = 404, .type = "text/plain; charset=utf-8", .body = "expected /metrics\n"};
}

} // namespace proxip::app
