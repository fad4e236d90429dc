#include "cli/top.hpp"

#include <algorithm>
#include <array>
#include <ostream>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/render.hpp"
#include "cli/render_top.hpp"

namespace proxip::cli {
namespace {

constexpr std::array sorts{std::pair{'n', TopSort::name}, std::pair{'c', TopSort::connections},
                           std::pair{'o', TopSort::opened}, std::pair{'p', TopSort::packets},
                           std::pair{'t', TopSort::bits}};

Result<api::Top> read(const TopWatch& watch, const Globals& globals, const World& world) {
    auto answer = world.call(globals.socket, api::TopRequest{watch.clients}, globals.timeout);
    if (!answer) {
        return std::unexpected(std::move(answer.error()));
    }
    return std::get<api::Top>(std::move(*answer));
}

// ---- not on a terminal

int print_all(const TopWatch& watch, const Globals& globals, const World& world, api::Top before) {
    for (std::uint32_t i = 0; i < watch.count.value_or(1); ++i) {
        world.sleep(watch.interval);
        auto after = read(watch, globals, world);
        if (!after) {
            return tell(after.error(), globals.output, world);
        }
        auto report = rates_between(before, *after);
        sort(report, watch.sort);
        if (globals.output == Output::json) {
            world.out << json_of(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
        } else {
            world.out << (i == 0 ? "" : "\n") << text_of(report, globals.output == Output::wide);
        }
        if (!world.out.flush()) {
            return 0; // run() tells it
        }
        before = std::move(*after);
    }
    return 0;
}

// ---- on a terminal

class Live {
  public:
    Live(const TopWatch& watch, const Globals& globals, const World& world, Screen& screen, api::Top first)
        : watch_(watch), globals_(globals), world_(world), screen_(screen), before_(first), after_(std::move(first)) {
        page_.sort = watch.sort;
    }

    void run() {
        draw();
        for (std::uint32_t shown = 0; !watch_.count || shown < *watch_.count; ++shown) {
            if (!pass_interval()) {
                return;
            }
            look();
            draw();
        }
    }

  private:
    // False: it is over.
    bool pass_interval() {
        const auto next = world_.now() + watch_.interval;
        for (;;) {
            const auto left = std::chrono::ceil<Millis>(next - world_.now());
            if (left <= Millis::zero()) {
                return true;
            }
            const auto key = screen_.key(left);
            if (key && !press(*key)) {
                return false;
            }
            draw();
        }
    }

    bool press(char key) {
        if (key == 'q' || key == 'Q') {
            return false;
        }
        if (key == 'b') {
            page_.backends = !page_.backends;
        }
        const auto now = std::ranges::find(sorts, page_.sort, [](const auto& one) { return one.second; });
        if (key == 's') {
            page_.sort = sorts.at(static_cast<std::size_t>(now - sorts.begin() + 1) % sorts.size()).second;
        }
        const auto named = std::ranges::find(sorts, key, [](const auto& one) { return one.first; });
        if (named != sorts.end()) {
            page_.sort = named->second;
        }
        return true;
    }

    // An agent that is restarted must not take the screen away: what was read last stays, and why.
    void look() {
        auto now = read(watch_, globals_, world_);
        page_.trouble = now ? "" : now.error().text();
        if (now) {
            before_ = std::exchange(after_, std::move(*now));
        }
    }

    void draw() {
        auto report = rates_between(before_, after_);
        sort(report, page_.sort);
        screen_.draw(page_of(report, page_, screen_.size()));
    }

    const TopWatch& watch_;
    const Globals& globals_;
    const World& world_;
    Screen& screen_;
    api::Top before_;
    api::Top after_;
    TopPage page_;
};

} // namespace

int run_top(const TopWatch& watch, const Globals& globals, const World& world) {
    auto first = read(watch, globals, world); // what is wrong from the beginning is told where it can be read
    if (!first) {
        return tell(first.error(), globals.output, world);
    }
    const auto screen = globals.output != Output::json && world.screen ? world.screen() : nullptr;
    if (!screen) {
        return print_all(watch, globals, world, std::move(*first));
    }
    Live(watch, globals, world, *screen, std::move(*first)).run();
    return 0;
}

} // namespace proxip::cli
