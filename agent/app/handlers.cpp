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
    return answer(views_.backends(request.service, request.address));
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

Result<api::Answer> Handlers::on(const api::ExplainRequest& request) {
    return answer(views_.explain(request));
}

Result<api::Answer> Handlers::on(const api::DumpRequest& request) {
    return api::Answer(
        api::Dump{.text = write_config(controller_.running(), request.json ? Format::json : Format::toml),
                  .generation = controller_.generation()});
}

// ---- changing
// -----------------------------------------------------------------------------------------------------------

api::Plan Handlers::plan_of(const Controller::Outcome& outcome, const Config& config, bool applied) const {
    return {.generation = outcome.generation,
            .applied = applied,
            .changes = outcome.changes,
            .port_memory = outcome.ports.bytes,
            .max_port_memory = config.agent.max_port_memory,
            .endpoints = outcome.ports.endpoints,
            .warnings = outcome.warnings};
}

Result<api::Answer> Handlers::change(Config config, Overlay overlay) {
    auto outcome = controller_.commit(
        {.config = std::move(config), .overlay = std::move(overlay), .applied = false, .digest = {}});
    if (!outcome) {
        return std::unexpected(outcome.error());
    }
    return api::Answer(plan_of(*outcome, controller_.running(), true));
}

#define PROXIP_EDIT_HANDLER(Request)                                                                                   \
    Result<api::Answer> Handlers::on(const api::Request& request) {                                                    \
        auto config = edited(controller_.running(), request);                                                          \
        return config ? change(std::move(*config), controller_.overlay()) : std::unexpected(config.error());           \
    }

PROXIP_EDIT_HANDLER(ServiceAdd)
PROXIP_EDIT_HANDLER(ServiceSet)
PROXIP_EDIT_HANDLER(ServiceDel)
PROXIP_EDIT_HANDLER(BackendAdd)
PROXIP_EDIT_HANDLER(BackendSet)
PROXIP_EDIT_HANDLER(PoolAdd)
PROXIP_EDIT_HANDLER(PoolSet)
PROXIP_EDIT_HANDLER(PoolDel)
#undef PROXIP_EDIT_HANDLER

Result<api::Answer> Handlers::on(const api::BackendDel& request) {
    auto config = edited(controller_.running(), request);
    if (!config) {
        return std::unexpected(config.error());
    }
    const auto bindings = controller_.bindings_of(request.service, request.addresses);
    auto done = change(std::move(*config), controller_.overlay());
    if (done && request.now) {
        dataplane_.end_connections(
            [&](const dataplane::Connection& connection) { return bindings.contains(connection.binding); });
        dataplane_.await_endings(ending_patience);
    }
    return done;
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

Result<api::Answer> Handlers::on(const api::BackendAdmin& request) {
    if (auto known = has_backends(controller_.running(), request.service, request.addresses); !known) {
        return std::unexpected(known.error());
    }
    Overlay overlay = controller_.overlay();
    for (const SocketAddress& address : request.addresses) {
        overlay.set(request.service, address, request.admin);
    }
    return change(without_enabled(controller_.running(), request.service, request.addresses), std::move(overlay));
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
    auto outcome = controller_.plan(*config);
    if (!outcome) {
        return std::unexpected(outcome.error());
    }
    return api::Answer(plan_of(*outcome, *config, false));
}

Result<api::Answer> Handlers::on(const api::ApplyRequest& request) {
    if (request.if_generation && *request.if_generation != controller_.generation()) {
        return fail(
            ErrorCode::generation_mismatch,
            fmt::format("the running generation is {}, expected {}", controller_.generation(), *request.if_generation),
            "--if-generation");
    }
    if (request.dry_run) {
        return on(api::DiffRequest{.config = request.config});
    }
    auto config = parse_config(request.config.text, request.config.source);
    if (!config) {
        return std::unexpected(config.error());
    }
    auto outcome = controller_.commit_file(*config);
    if (!outcome) {
        return std::unexpected(outcome.error());
    }
    return api::Answer(plan_of(*outcome, *config, true));
}

} // namespace proxip::app
