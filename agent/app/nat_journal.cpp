#include "app/nat_journal.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "model/codec.hpp"

namespace proxip::app {

namespace {

using std::chrono::nanoseconds;

nanoseconds read_clock(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

Moment now() {
    return std::chrono::floor<Millis>(std::chrono::system_clock::now());
}

Moment moment_of(std::uint64_t ns, nanoseconds offset) {
    return Moment(std::chrono::floor<Millis>(nanoseconds(ns) + offset));
}

constexpr std::chrono::seconds while_it_matters = std::chrono::hours(1);

bool is_of_late(const std::optional<std::chrono::steady_clock::time_point>& then) {
    return then && std::chrono::steady_clock::now() - *then < while_it_matters;
}

std::string_view state_of(store::NatSession::End end) {
    switch (end) {
    case store::NatSession::End::open: return "open";
    case store::NatSession::End::told: return "closed";
    case store::NatSession::End::unknown: break;
    }
    return "unknown";
}

api::WhoisView view_of(const store::NatSession& session) {
    return {.client = session.client.text(),
            .service = session.service,
            .backend = session.backend.text(),
            .protocol = std::string(protocol_name(session.protocol)),
            .since = moment_text(session.since),
            .until = session.until.transform([](Moment moment) { return moment_text(moment); }),
            .vip = session.vip.transform([](const SocketAddress& vip) { return vip.text(); }),
            .state = std::string(state_of(session.end))};
}

} // namespace

void NatJournal::follow(const NatLogConfig& config) {
    if (on_ && config == config_) {
        return;
    }
    const bool was_on = on_;
    config_ = config;
    lines_.follow(config.enabled ? config.json : "");
    on_ = config.enabled;
    if (!on_) {
        if (was_on) {
            drain();
        }
        dataplane_.tell_nat(false);
        log_.reset();
        trouble_.clear();
        return;
    }
    set_clock();
    if (log_) {
        log_->set_bounds({.keep = config.keep, .max_size = config.max_size});
    } else {
        open_log();
    }
    const bool told_before = dataplane_.tells_nat(); // by an earlier agent
    dataplane_.tell_nat(true);
    if (!told_before || (log_ && log_->empty())) {
        note_open_ones();
    }
    drain();
}

void NatJournal::open_log() {
    auto log = store::NatLog::open(folder_, {.keep = config_.keep, .max_size = config_.max_size}, now());
    if (!log) {
        trouble_ = log.error().text();
        spdlog::error("no NAT log: {}", trouble_);
        return;
    }
    trouble_.clear();
    log_ = std::move(*log);
    log_->set_clock(offset_);
    if (fresh_ && !log_->empty()) {
        log_->append_begun(now());
        log_->append_lost(now(), 0);
    }
    fresh_ = false;
}

void NatJournal::set_clock() {
    offset_ = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
    if (log_) {
        log_->set_clock(offset_);
    }
}

// Connections that began before anybody told of them: from now on the log knows them, as long as they leave room for
// what it knew.
void NatJournal::note_open_ones() {
    constexpr std::uint64_t about_one = 64; // bytes
    if (!log_ || dataplane_.live_connections() * about_one > config_.max_size / 2) {
        return;
    }
    dataplane_.each_connection([&](const dataplane::Connection& connection) {
        if (connection.proxy && abi::abi_is_live(connection.state) != 0) {
            log_->append(record_of(connection));
        }
        return true;
    });
}

std::string NatJournal::name_of(policy::Id service) {
    if (names_of_ != controller_.generation() || names_.empty()) {
        for (auto& [id, name] : controller_.service_names()) { // those that are gone stay known until their id is used
            names_.insert_or_assign(id, std::move(name));
        }
        names_of_ = controller_.generation();
    }
    const auto found = names_.find(service);
    return found == names_.end() ? std::string() : found->second;
}

store::NatRecord NatJournal::record_of(const dataplane::NatEvent& event) {
    return {.opened = event.opened,
            .protocol = event.protocol,
            .since_ns = event.since_ns,
            .at_ns = event.at_ns,
            .client = event.client,
            .proxy = event.proxy,
            .backend = event.backend,
            .vip = config_.destinations ? std::optional(event.vip) : std::nullopt,
            .service = name_of(event.service)};
}

store::NatRecord NatJournal::record_of(const dataplane::Connection& connection) {
    return {.opened = true,
            .protocol = connection.protocol,
            .since_ns = connection.opened_ns,
            .at_ns = 0,
            .client = connection.client,
            .proxy = connection.proxy.value_or(SocketAddress{}),
            .backend = connection.backend,
            .vip = config_.destinations ? std::optional(connection.vip) : std::nullopt,
            .service = name_of(connection.service)};
}

// Nothing in it needs an escape: addresses, and names as the configuration allows them.
std::string NatJournal::line_of(const dataplane::NatEvent& event, const store::NatRecord& record) const {
    const std::string since = moment_text(moment_of(event.since_ns, offset_));
    const std::string at = moment_text(moment_of(event.at_ns, offset_));
    return fmt::format(
        R"({{"time":"{}","event":"{}","protocol":"{}","client":"{}","proxy":"{}","backend":"{}",{}"service":"{}","since":"{}","until":{}}})"
        "\n",
        at, event.opened ? "open" : "close", protocol_name(record.protocol), record.client.text(), record.proxy.text(),
        record.backend.text(), record.vip ? fmt::format(R"("vip":"{}",)", record.vip->text()) : "", record.service,
        since, event.opened ? "null" : '"' + at + '"');
}

void NatJournal::hear(const dataplane::NatEvent& event, std::string& lines) {
    const auto record = record_of(event);
    ++events_;
    if (log_) {
        log_->append(record);
    }
    if (lines_.wanted()) {
        lines += line_of(event, record);
        ++told_;
    }
}

void NatJournal::account_for_lost() {
    const std::uint64_t lost = dataplane_.nat_events_lost();
    const std::uint64_t before = log_ ? log_->lost_in_all() : lost_;
    const std::uint64_t more = lost - (before > lost ? 0 : before); // another data plane counts anew
    lost_ = lost;
    if (more == 0) {
        return;
    }
    lost_at_ = std::chrono::steady_clock::now();
    spdlog::warn("{} NAT events were lost: the data plane's buffer of {} was full", more,
                 bytes_text(dataplane_.nat_buffer()));
    if (log_) {
        log_->append_lost(now(), lost);
    }
    lines_.write(fmt::format(R"({{"time":"{}","event":"lost","events":{}}})"
                             "\n",
                             moment_text(now()), more),
                 1);
}

void NatJournal::drain() {
    if (!on_) {
        return;
    }
    set_clock();
    std::string lines;
    told_ = 0;
    dataplane_.read_nat_events([&](const dataplane::NatEvent& event) { hear(event, lines); });
    if (told_ > 0) {
        lines_.write(lines, told_);
    }
    if (!log_) {
        return;
    }
    const std::uint64_t given_up = log_->given_up();
    if (auto flushed = log_->flush(now()); flushed) {
        trouble_.clear();
    } else if (trouble_ != flushed.error().text()) {
        trouble_ = flushed.error().text();
        spdlog::error("the NAT log is not complete: {}", trouble_);
    }
    if (log_->given_up() != given_up) {
        unwritten_at_ = std::chrono::steady_clock::now();
    }
}

void NatJournal::tick() {
    if (!on_) {
        return;
    }
    account_for_lost();
    lines_.tick();
    if (!log_) {
        open_log();
    }
}

std::vector<store::NatRecord> NatJournal::live(const SocketAddress& proxy) {
    std::vector<store::NatRecord> out;
    dataplane_.each_connection([&](const dataplane::Connection& connection) {
        if (connection.proxy == proxy && abi::abi_is_live(connection.state) != 0) {
            out.push_back(record_of(connection));
        }
        return true;
    });
    return out;
}

Error NatJournal::nobody(const api::WhoisRequest& request) const {
    std::string text = fmt::format("nobody is known to have had {}", request.proxy.text());
    if (request.at) {
        text += " at " + moment_text(Moment(Millis(*request.at)));
    }
    if (!on_) {
        text += ": the NAT log is off (agent.nat_log), only open connections are known";
    } else if (log_) {
        text += "; the NAT log begins at " + moment_text(std::max(log_->oldest(), now() - config_.keep));
    }
    return {ErrorCode::not_found, text, {}};
}

Result<std::vector<api::WhoisView>> NatJournal::whois(const api::WhoisRequest& request) {
    drain();
    set_clock();
    const store::NatQuery query{.proxy = request.proxy,
                                .protocol = request.protocol,
                                .backend = request.backend,
                                .at = request.at.transform([](std::uint64_t ms) { return Moment(Millis(ms)); })};
    const auto open = live(request.proxy);
    const auto sessions = log_ ? log_->find(query, open, now()) : store::find_live(query, open, offset_);
    if (sessions.empty()) {
        return std::unexpected(nobody(request));
    }
    std::vector<api::WhoisView> out;
    for (const auto& session : sessions) {
        if (request.limit != 0 && out.size() >= request.limit) {
            break;
        }
        out.push_back(view_of(session));
    }
    return out;
}

NatReadings NatJournal::readings() const {
    return {.events = events_,
            .lost = dataplane_.nat_events_lost() + (log_ ? log_->given_up() : 0),
            .lines_lost = lines_.lost(),
            .bytes = log_ ? log_->bytes() : 0};
}

policy::doctor::NatLog NatJournal::losses() const {
    return {.folder = folder_.string(),
            .trouble = trouble_,
            .unwritten = log_ && is_of_late(unwritten_at_) ? log_->given_up() : 0,
            .lost = is_of_late(lost_at_) ? lost_ : 0,
            .buffer = dataplane_.nat_buffer(),
            .late_seconds = std::chrono::duration<double>(while_it_matters).count(),
            .lines = config_.json,
            .lines_trouble = lines_.trouble()};
}

std::vector<std::string> NatJournal::warnings() const {
    std::vector<std::string> out;
    if (!trouble_.empty()) {
        out.push_back("NAT log: " + trouble_);
    }
    if (!lines_.trouble().empty()) {
        out.push_back("nat_log.json: " + lines_.trouble());
    }
    if (is_of_late(lost_at_)) {
        out.push_back(fmt::format("NAT log: events were lost, {} since the data plane began", lost_));
    }
    if (dataplane_.nat_buffer() != controller_.running().agent.nat_log.buffer) {
        out.push_back(fmt::format("nat_log.buffer = {} counts only after lbagent --detach; {} is in force",
                                  bytes_text(controller_.running().agent.nat_log.buffer),
                                  bytes_text(dataplane_.nat_buffer())));
    }
    return out;
}

} // namespace proxip::app
