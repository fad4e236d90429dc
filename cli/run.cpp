#include "cli/run.hpp"

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "cli/follow.hpp"
#include "cli/render.hpp"
#include "cli/top.hpp"

namespace proxip::cli {
namespace {

constexpr Millis poll_interval{200};

Result<std::uint64_t> connections_left(const DrainWait& wait, const Globals& globals, const World& world) {
    const auto answer = world.call(globals.socket, wait.which, globals.timeout);
    if (!answer) {
        if (answer.error().code == ErrorCode::not_found) { // removed meanwhile, and all of its connections ended
            return 0;
        }
        return std::unexpected(answer.error());
    }
    std::uint64_t left = 0;
    for (const auto& backend : std::get<std::vector<api::BackendView>>(*answer)) {
        const auto parsed = SocketAddress::parse(backend.address);
        if (wait.addresses.empty() || (parsed && std::ranges::find(wait.addresses, *parsed) != wait.addresses.end())) {
            left += backend.connections;
        }
    }
    return left;
}

Result<void> wait_until_drained(const DrainWait& wait, const Globals& globals, const World& world) {
    const auto deadline = world.now() + wait.limit;
    for (;;) {
        const auto left = connections_left(wait, globals, world);
        if (!left) {
            return std::unexpected(left.error());
        }
        if (*left == 0) {
            return {};
        }
        const auto time_left = std::chrono::ceil<Millis>(deadline - world.now());
        if (time_left <= Millis::zero()) {
            return fail(
                ErrorCode::timeout,
                fmt::format("{} connection{} left after {}", *left, *left == 1 ? "" : "s", duration_text(wait.limit)),
                wait.which.service.value_or(wait.which.server ? wait.which.server->text() : ""));
        }
        world.sleep(std::min(poll_interval, time_left));
    }
}

int perform(const Call& call, const Globals& globals, const World& world) {
    const auto answer = world.call(globals.socket, call.request, globals.timeout);
    if (!answer) {
        if (std::holds_alternative<api::DoctorRequest>(call.request) && world.examine) {
            world.out << render(call.request, world.examine(globals.socket, answer.error()), globals.output).out;
        }
        return tell(answer.error(), globals.output, world);
    }
    if (call.wait) {
        if (auto drained = wait_until_drained(*call.wait, globals, world); !drained) {
            return tell(drained.error(), globals.output, world);
        }
    }
    const auto rendered = render(call.request, *answer, globals.output);
    world.out << rendered.out;
    world.err << rendered.note;
    return exit_code(call.request, *answer);
}

} // namespace

int tell(const Error& error, Output output, const World& world) {
    world.err << render(error, output);
    return exit_code(error.code);
}

int run(const std::vector<std::string>& args, const World& world) {
    const auto parsed = parse(args, world.environment);
    if (!parsed.action) {
        return tell(parsed.action.error(), parsed.globals.output, world);
    }
    int code = 0;
    if (const auto* print = std::get_if<Print>(&*parsed.action)) {
        world.out << print->text;
        world.err << print->note;
    } else if (const auto* watch = std::get_if<TopWatch>(&*parsed.action)) {
        code = run_top(*watch, parsed.globals, world);
    } else if (const auto* follow = std::get_if<Follow>(&*parsed.action)) {
        code = run_follow(*follow, parsed.globals, world);
    } else {
        code = perform(std::get<Call>(*parsed.action), parsed.globals, world);
    }
    if (!world.out.flush()) {
        return tell(Error{ErrorCode::failed, "cannot write to standard output", ""}, parsed.globals.output, world);
    }
    return code;
}

} // namespace proxip::cli
