#pragma once

// One handler per request; each only calls.

#include <concepts>
#include <set>

#include "api/messages.hpp"
#include "app/controller.hpp"
#include "app/doctor.hpp"
#include "app/nat_journal.hpp"
#include "app/views.hpp"

namespace proxip::app {

class Handlers {
  public:
    Handlers(Controller& controller, const Views& views, dataplane::Dataplane& dataplane, Doctor& doctor,
             NatJournal& nat)
        : controller_(controller), views_(views), dataplane_(dataplane), doctor_(doctor), nat_(nat) {}

    [[nodiscard]] Result<api::Answer> handle(const api::Request& request);

  private:
    using Answer = Result<api::Answer>;

    Answer on(const api::StatusRequest& request);
    Answer on(const api::VersionRequest& request);
    Answer on(const api::DropsRequest& request);
    Answer on(const api::StatsRequest& request);
    Answer on(const api::ServiceShow& request);
    Answer on(const api::BackendShow& request);
    Answer on(const api::PoolShow& request);
    Answer on(const api::ConnShow& request);
    Answer on(const api::ConnCountRequest& request);
    Answer on(const api::ConnDel& request);
    Answer on(const api::WhoisRequest& request);
    Answer on(const api::ExplainRequest& request);
    Answer on(const api::DoctorRequest& request);
    Answer on(const api::DumpRequest& request);
    Answer on(const api::TopRequest& request);
    Answer on(const api::MonitorRequest& request);
    Answer on(const api::TraceRequest& request);
    Answer on(const api::ValidateRequest& request);
    Answer on(const api::DiffRequest& request);
    Answer on(const api::ApplyRequest& request);
    Answer on(const api::ConfirmRequest& request);
    Answer on(const api::RollbackRequest& request);
    Answer on(const api::Batch& request);
    template <typename Edit>
        requires std::constructible_from<api::Edit, const Edit&>
    Answer on(const Edit& edit) {
        return on(api::Batch{.steps = {{.edit = edit, .place = {}}}});
    }

    [[nodiscard]] std::set<policy::Id> ending_with(const api::Batch& request) const;
    void end_now(const std::set<policy::Id>& bindings);
    [[nodiscard]] Result<void> expect(const std::optional<std::uint64_t>& generation) const;
    [[nodiscard]] api::Plan plan_of(const Controller::Outcome& outcome, const Config& config, bool applied) const;

    Controller& controller_;
    const Views& views_;
    dataplane::Dataplane& dataplane_;
    Doctor& doctor_;
    NatJournal& nat_;
};

} // namespace proxip::app
