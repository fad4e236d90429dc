#include "app/web.hpp"

#include <string_view>

#include <spdlog/spdlog.h>

#include "serve/page.hpp"
#include "serve/web_host.hpp"

namespace proxip::app {

namespace {

constexpr std::chrono::seconds text_life{1}; // however often somebody asks
constexpr std::size_t most_questions = 16;   // in that time

bool is_loopback(const Address& address) {
    if (address.family == Family::v4) {
        return address.bytes.front() == 127;
    }
    Address one{.family = Family::v6};
    one.bytes.back() = 1;
    return address == one;
}

serve::WebAnswer plain(unsigned status, std::string text) {
    return {.status = status, .type = "text/plain; charset=utf-8", .body = std::move(text)};
}

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
        auto server = place ? serve::WebServer::listen(
                                  loop_, *place, [this](const serve::WebRequest& request) { return answer(request); })
                            : std::unexpected(place.error());
        if (server) {
            server_ = std::move(*server);
            on_loopback_ = is_loopback(place->address);
            spdlog::info("status page: http://{}/, for Prometheus: /metrics", address_);
        } else {
            trouble = server.error().message;
        }
    }
    if (trouble != trouble_ && !trouble.empty()) {
        spdlog::warn("metrics: {}", trouble);
    }
    trouble_ = std::move(trouble);
}

bool Web::may_ask(const serve::WebRequest& request, std::string_view path) const {
    return !request.host || serve::is_own_host(*request.host, sources_.own_name) ||
           (path == "/metrics" && !on_loopback_);
}

void Web::forget_stale() {
    if (const auto now = Clock::now(); now >= stale_at_) {
        metrics_.reset();
        statuses_.clear();
        stale_at_ = now + text_life;
    }
}

serve::WebAnswer Web::status(const std::string& target) {
    const PageQuery query = page_query(target);
    auto known = statuses_.find(query);
    if (known == statuses_.end() && statuses_.size() >= most_questions) {
        return plain(503, "too many different questions in this second: come again\n");
    }
    if (known == statuses_.end()) {
        known = statuses_.emplace(query, sources_.status(query)).first;
    }
    return {.status = 200, .type = "application/json", .body = known->second};
}

serve::WebAnswer Web::answer(const serve::WebRequest& request) {
    const std::string path = request.target.substr(0, request.target.find('?'));
    if (!may_ask(request, path)) {
        return plain(421, "not served under this name: expected localhost, an address, or this host's name\n");
    }
    forget_stale();
    if (path == "/metrics") {
        if (!metrics_) {
            metrics_ = metrics_text(sources_.readings());
        }
        return {.status = 200, .type = "text/plain; version=0.0.4; charset=utf-8", .body = *metrics_};
    }
    if (path == "/status.json") {
        return status(request.target);
    }
    return serve::page_answer(path).value_or(plain(404, "expected /, /status.json or /metrics\n"));
}

} // namespace proxip::app
