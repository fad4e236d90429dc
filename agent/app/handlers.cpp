#include "app/handlers.hpp"

#include <fmt/format.h>

#include "api/version.hpp"
#include "app/edits.hpp"
#include "model/codec.hpp"

namespace proxip::app {

namespace {

// A command answers when what it ended is gone, or after this long: 64 go in a hundredth of a second, and faster when
// there are more.
constexpr std::chrono::milliseconds ending_patience{50};

template <typename T>
Result<api::Answer> answer(Result<T> result) {
    if (!result) {
        return std::unexpected(std::move(result.error()));
    }
    return api::Answer(std::move(*result));
}

} // namespace

Result<api::Answer> Handlers::handle(const api::Request& request) {
    return std::visit([this](const auto& one) { return on(one); }, request);
}

// ---- reading
// ------------------------------------------------------------------------------------------------------------

Result<api::Answer> Handlers::on(const api::StatusRequest& /*request*/) {
    return api::Answer(views_.status());
}

Result<api::Answer> Handlers::on(const api::VersionRequest& /*request*/) {
    return api::Answer(api::Version{.version = std::string(api::version()), .abi = abi::ABI_VERSION});
}

Result<api::Answer> Handlers::on(const api::DropsRequest& /*request*/) {
    return api::Answer(dataplane_.drops());
}

Result<api::Answer> Handlers::on(const api::StatsRequest& request) {
    return answer(views_.stats(request.service));
}

Result<api::Answer> Handlers::on(const api::ServiceShow& request) {
    return answer(views_.services(request.name));
}

Result<api::Answer> Handlers::on(const api::BackendShow& request) {
    return answer(views_.backends(request));
}

Result<api::Answer> Handlers::on(const api::PoolShow& request) {
    return answer(views_.pools(request.name));
}

Result<api::Answer> Handlers::on(const api::ConnShow& request) {
    return answer(views_.connections(request.filter, request.limit));
}

Result<api::Answer> Handlers::on(const api::ConnCountRequest& request) {
    return answer(views_.count(request.filter));
}

Result<api::Answer> Handlers::on(const api::WhoisRequest& request) {
    return answer(nat_.whois(request));
}

Result<api::Answer> Handlers::on(const api::ExplainRequest& request) {
    return answer(views_.explain(request));
}

Result<api::Answer> Handlers::on(const api::DoctorRequest& /*request*/) {
    return api::Answer(doctor_.examine());
}

Result<api::Answer> Handlers::on(const api::DumpRequest& request) {
    return api::Answer(
        api::Dump{.text = write_config(controller_.running(), request.json ? Format::json : Format::toml),
                  .generation = controller_.generation()});
}

Result<api::Answer> Handlers::on(const api::TopRequest& request) {
    return api::Answer(views_.top(request));
}

// The control socket gives those that follow to follow().
Result<api::Answer> Handlers::on(const api::MonitorRequest& /*request*/) {
    return fail(ErrorCode::refused, "this request is followed, and cannot be a part of another");
}

Result<api::Answer> Handlers::on(const api::TraceRequest& /*request*/) {
    return on(api::MonitorRequest{});
}

// ---- changing
// -----------------------------------------------------------------------------------------------------------

api::Plan Handlers::plan_of(const Controller::Outcome& outcome, const Config& config, bool applied) const {
    api::Plan plan{.generation = outcome.generation,
                   .applied = applied,
                   .changes = outcome.changes,
                   .port_memory = outcome.ports.bytes,
                   .max_port_memory = config.agent.max_port_memory,
                   .endpoints = outcome.ports.endpoints,
                   .warnings = outcome.warnings,
                   .port_memory_before = outcome.ports_before};
    for (const auto& pool : outcome.ports.pools) {
        plan.pools.push_back({.name = pool.name,
                              .ports = pool.ports,
                              .addresses = pool.addresses,
                              .endpoints = pool.endpoints,
                              .bytes = pool.bytes});
    }
    if (applied && controller_.trial()) {
        plan.confirm_seconds = controller_.trial()->seconds_left();
    }
    return plan;
}

Result<void> Handlers::expect(const std::optional<std::uint64_t>& generation) const {
    if (generation && *generation != controller_.generation()) {
        return fail(ErrorCode::generation_mismatch,
                    fmt::format("the running generation is {}, expected {}", controller_.generation(), *generation),
                    "--if-generation");
    }
    return {};
}

Result<api::Answer> Handlers::on(const api::Batch& request) {
    if (auto expected = expect(request.if_generation); !expected) {
        return std::unexpected(expected.error());
    }
    const Draft start{.config = controller_.running(), .overlay = controller_.overlay()};
    auto draft = edited(start, request.steps);
    if (!draft) {
        return std::unexpected(draft.error());
    }
    const auto ending = ending_with(request);
    const auto plan = [this](const Draft& any) { return controller_.plan(any.config, any.overlay); };
    auto outcome =
        request.dry_run ? plan(*draft) : controller_.commit({.config = draft->config, .overlay = draft->overlay});
    if (!outcome) {
        const auto sound = [&](const Draft& any) -> Result<void> {
            auto planned = plan(any);
            return planned ? Result<void>() : std::unexpected(planned.error());
        };
        return std::unexpected(sound(*draft) ? outcome.error() // it is nothing that a step is to blame for
                                             : blamed(start, request.steps, outcome.error(), sound));
    }
    if (!request.dry_run) {
        end_now(ending);
    }
    return api::Answer(plan_of(*outcome, draft->config, !request.dry_run));
}

// The connections of backends that are removed with `now`, by the ids that they still have here.
std::set<policy::Id> Handlers::ending_with(const api::Batch& request) const {
    std::set<policy::Id> out;
    for (const api::Step& step : request.steps) {
        if (const auto* del = std::get_if<api::BackendDel>(&step.edit); del != nullptr && del->now) {
            out.merge(controller_.bindings_of(del->service, del->addresses));
        }
    }
    return out;
}

void Handlers::end_now(const std::set<policy::Id>& bindings) {
    if (!bindings.empty()) {
        dataplane_.end_connections(
            [&](const dataplane::Connection& connection) { return bindings.contains(connection.binding); });
        dataplane_.await_endings(ending_patience);
    }
}

Result<api::Answer> Handlers::on(const api::ConnDel& request) {
    auto picks = views_.picking(request.filter);
    if (!picks) {
        return std::unexpected(picks.error());
    }
    const std::size_t ended = dataplane_.end_connections(*picks);
    dataplane_.await_endings(ending_patience);
    return api::Answer(api::Ended{ended});
}

// ---- files
// --------------------------------------------------------------------------------------------------------------

Result<api::Answer> Handlers::on(const api::ValidateRequest& request) {
    return on(api::DiffRequest{.config = request.config});
}

Result<api::Answer> Handlers::on(const api::DiffRequest& request) {
    auto config = parse_config(request.config.text, request.config.source);
    if (!config) {
        return std::unexpected(config.error());
    }
    auto outcome = controller_.plan_file(*config);
    if (!outcome) {
        return std::unexpected(outcome.error());
    }
    return api::Answer(plan_of(*outcome, *config, false));
}

Result<api::Answer> Handlers::on(const api::ApplyRequest& request) {
    if (auto expected = expect(request.if_generation); !expected) {
        return std::unexpected(expected.error());
    }
    if (request.dry_run) {
        return on(api::DiffRequest{.config = request.config});
    }
    auto config = parse_config(request.config.text, request.config.source);
    if (!config) {
        return std::unexpected(config.error());
    }
    auto outcome = controller_.commit_file(*config, request.confirm);
    if (!outcome) {
        return std::unexpected(outcome.error());
    }
    return api::Answer(plan_of(*outcome, *config, true));
}

Result<api::Answer> Handlers::on(const api::ConfirmRequest& /*request*/) {
    auto outcome = controller_.confirm();
    return outcome ? Answer(plan_of(*outcome, controller_.running(), true)) : std::unexpected(outcome.error());
}

Result<api::Answer> Handlers::on(const api::RollbackRequest& /*request*/) {
    auto outcome = controller_.roll_back();
    return outcome ? Answer(plan_of(*outcome, controller_.running(), true)) : std::unexpected(outcome.error());
}

} // namespace proxip::app
