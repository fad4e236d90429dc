#pragma once

// Hears from the data plane who has which proxy port, keeps it in the NAT log, and answers for it.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/messages.hpp"
#include "app/controller.hpp"
#include "app/metrics.hpp"
#include "dataplane/dataplane.hpp"
#include "policy/doctor.hpp"
#include "store/line_sink.hpp"
#include "store/nat_log.hpp"

namespace proxip::app {

class NatJournal {
  public:
    // `fresh`: this agent made the data plane; of what ran before, nothing lives.
    NatJournal(const Controller& controller, dataplane::Dataplane& dataplane, std::filesystem::path folder, bool fresh)
        : controller_(controller), dataplane_(dataplane), folder_(std::move(folder)), fresh_(fresh) {}

    // What runs: on, off, how much for how long, and who else hears of it.
    void follow(const NatLogConfig& config);
    [[nodiscard]] bool is_on() const { return on_; }
    // Takes what the data plane told meanwhile. Many times a second: its buffer is bounded.
    void drain();
    void tick(); // from time to time
    void reopen() { lines_.reopen(); }

    [[nodiscard]] Result<std::vector<api::WhoisView>> whois(const api::WhoisRequest& request);
    [[nodiscard]] NatReadings readings() const;
    [[nodiscard]] std::vector<std::string> warnings() const;
    [[nodiscard]] policy::doctor::NatLog losses() const;

  private:
    void open_log();
    void set_clock();
    void note_open_ones();
    [[nodiscard]] store::NatRecord record_of(const dataplane::NatEvent& event);
    [[nodiscard]] store::NatRecord record_of(const dataplane::Connection& connection);
    [[nodiscard]] std::vector<store::NatRecord> live(const SocketAddress& proxy);
    [[nodiscard]] std::string name_of(policy::Id service);
    [[nodiscard]] std::string line_of(const dataplane::NatEvent& event, const store::NatRecord& record) const;
    void hear(const dataplane::NatEvent& event, std::string& lines);
    void account_for_lost();
    [[nodiscard]] Error nobody(const api::WhoisRequest& request) const;

    const Controller& controller_;
    dataplane::Dataplane& dataplane_;
    std::filesystem::path folder_;
    bool fresh_;
    bool on_ = false;
    NatLogConfig config_;
    std::unique_ptr<store::NatLog> log_;
    store::LineSink lines_;
    std::string trouble_;                // of the log; "": none
    std::chrono::nanoseconds offset_{0}; // time of day less CLOCK_MONOTONIC
    std::map<policy::Id, std::string> names_;
    std::uint64_t names_of_ = 0; // generation
    std::uint64_t events_ = 0;
    std::uint64_t told_ = 0; // lines since the last drain()
    std::uint64_t lost_ = 0; // as the data plane counted it last
    std::optional<std::chrono::steady_clock::time_point> lost_at_;
    std::optional<std::chrono::steady_clock::time_point> unwritten_at_;
};

} // namespace proxip::app
