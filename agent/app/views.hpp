#pragma once

// The running state in the shapes of the control protocol. Reads only.

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/messages.hpp"
#include "app/controller.hpp"
#include "app/nat_journal.hpp"
#include "app/pressure_watch.hpp"
#include "app/web.hpp"

namespace proxip::app {

[[nodiscard]] double seconds_since(policy::Instant then); // up to now

class Views {
  public:
    Views(const Controller& controller, const dataplane::Dataplane& dataplane, const Neighbourhood& neighbourhood,
          const PressureWatch& pressure, const NatJournal& nat, const Web& web)
        : controller_(controller), dataplane_(dataplane), neighbourhood_(neighbourhood), pressure_(pressure), nat_(nat),
          web_(web) {}

    [[nodiscard]] api::Status status() const;
    [[nodiscard]] Readings readings() const; // for /metrics
    // The one word, without a look at the kernel.
    [[nodiscard]] std::string state(const Service& service, const Backend& backend) const;
    [[nodiscard]] api::BackendView backend(const Service& service, const Backend& backend) const;
    [[nodiscard]] std::optional<dataplane::BindingCounts> counts(const Service& service, const Backend& backend) const;
    [[nodiscard]] std::vector<api::BackendView> leaving() const;
    [[nodiscard]] Result<std::vector<api::ServiceView>> services(const std::optional<std::string>& name) const;
    [[nodiscard]] Result<std::vector<api::BackendView>> backends(const api::BackendShow& request) const;
    [[nodiscard]] Result<std::vector<api::PoolView>> pools(const std::optional<std::string>& name) const;
    [[nodiscard]] Result<std::vector<api::StatsView>> stats(const std::optional<std::string>& name) const;
    [[nodiscard]] Result<std::vector<api::ConnView>> connections(const api::ConnFilter& filter,
                                                                 std::uint32_t limit) const;
    [[nodiscard]] Result<api::ConnCount> count(const api::ConnFilter& filter) const;
    // Which connections a filter means.
    [[nodiscard]] Result<std::function<bool(const dataplane::Connection&)>>
    picking(const api::ConnFilter& filter) const;
    [[nodiscard]] Result<api::Explain> explain(const api::ExplainRequest& request) const;
    [[nodiscard]] api::Top top(const api::TopRequest& request) const;

  private:
    [[nodiscard]] api::ServiceView service(const Service& service, const std::vector<api::BackendView>& leaving) const;
    [[nodiscard]] api::PoolView pool(const ProxyPool& pool) const;
    [[nodiscard]] api::StatsView stats(const Service& service) const;
    [[nodiscard]] api::Top::Service top_service(const Service& service) const;
    // How many connections each one that was looked at stands for.
    std::uint32_t top_clients(std::uint32_t wanted, std::vector<api::Top::Client>& out) const;
    [[nodiscard]] Result<void> known(const std::optional<std::string>& service) const;
    [[nodiscard]] Result<void> ever_known(const std::optional<std::string>& service) const; // removed ones too
    [[nodiscard]] bool is_vip(const Address& address) const;
    [[nodiscard]] Result<dataplane::Question> question(const api::ExplainRequest& request) const;
    void explain_choice(const abi::abi_decision& made, std::uint16_t called, api::Explain& out) const;
    [[nodiscard]] bool matches(const api::ConnFilter& filter, const dataplane::Connection& connection) const;

    const Controller& controller_;
    const dataplane::Dataplane& dataplane_;
    const Neighbourhood& neighbourhood_;
    const PressureWatch& pressure_;
    const NatJournal& nat_;
    const Web& web_;
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

} // namespace proxip::app
