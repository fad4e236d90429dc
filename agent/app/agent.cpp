#include "app/agent.hpp"

#include <chrono>
#include <csignal>
#include <ctime>
#include <fstream>
#include <sstream>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/controller.hpp"
#include "app/descriptors.hpp"
#include "app/doctor.hpp"
#include "app/events.hpp"
#include "app/handlers.hpp"
#include "app/idle_watch.hpp"
#include "app/leaving_watch.hpp"
#include "app/nat_journal.hpp"
#include "app/neighbourhood.hpp"
#include "app/notify.hpp"
#include "app/pressure_watch.hpp"
#include "app/status_page.hpp"
#include "app/tracing.hpp"
#include "app/views.hpp"
#include "app/web.hpp"
#include "dataplane/kernel.hpp"
#include "model/codec.hpp"
#include "policy/port_arithmetic.hpp"
#include "serve/control_server.hpp"

namespace proxip::app {

namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds netlink_settle{20};
constexpr std::chrono::seconds tick_interval{2};
constexpr std::chrono::milliseconds nat_interval{50}; // 4 MiB fill in 330 ms with 100,000 new connections a second

Result<std::string> read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        auto error = fail_errno("cannot read the configuration file", errno);
        error.error().path = path.string();
        return error;
    }
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

struct File {
    std::string text;
    Config config;
};

Result<File> load_file(const std::filesystem::path& path) {
    auto text = read_file(path);
    if (!text) {
        return std::unexpected(text.error());
    }
    auto config = parse_config(*text, path.string());
    if (!config) {
        return std::unexpected(config.error());
    }
    return File{.text = std::move(*text), .config = std::move(*config)};
}

// sd_notify(3): with the time, Type=notify-reload can tell this reload from an earlier one.
std::string reloading() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000LL + now.tv_nsec / 1000);
}

std::string caller_text(const serve::Peer& peer) {
    return fmt::format("uid {}, pid {}", peer.uid, peer.pid);
}

class Agent {
  public:
    explicit Agent(const Options& options) : options_(options), signals_(loop_, SIGTERM, SIGINT, SIGHUP) {}

    Result<void> run() {
        raise_descriptor_limit();
        if (auto begun = begin(); !begun) {
            return begun;
        }
        await_signal();
        pressure_->tick(); // so that the page has gauges at once
        await_tick();
        await_sample();
        if (const auto patience = watchdog_patience()) {
            await_watchdog(*patience / 2);
        }
        follow_change();
        notify_systemd("READY=1");
        events_.publish(spdlog::level::info,
                        {.type = "agent",
                         .state = adopted_ ? "adopted" : "started",
                         .message = fmt::format("ready: generation {}, {} services", controller_->generation(),
                                                controller_->running().services.size())});
        loop_.run();
        nat_->drain();
        notify_systemd("STOPPING=1");
        spdlog::info("ended; the data plane stays");
        return {};
    }

  private:
    Result<void> begin() {
        auto file = load_file(options_.config);
        if (!file) {
            return std::unexpected(file.error());
        }
        auto store = store::Store::open(options_.state);
        if (!store) {
            return std::unexpected(store.error());
        }
        store_ = std::move(*store);
        if (auto listening = listen();
            !listening) { // before anything is attached; nobody is answered until the loop runs
            return listening;
        }
        auto dataplane = dataplane::open_kernel(options_.bpffs, file->config.agent.max_connections,
                                                static_cast<std::uint32_t>(file->config.agent.nat_log.buffer));
        if (!dataplane) {
            return std::unexpected(dataplane.error());
        }
        dataplane_ = std::move(*dataplane);
        adopted_ = dataplane_->generation() != 0;
        auto neighbourhood = Neighbourhood::start(loop_, *dataplane_, events_);
        if (!neighbourhood) {
            return std::unexpected(neighbourhood.error());
        }
        neighbourhood_ = std::move(*neighbourhood);
        checker_ = probe::Checker::make(
            loop_, [this](const probe::Target& target, const probe::Outcome& outcome) { probed(target, outcome); });
        controller_.emplace(Controller::Parts{*dataplane_, *store_, *neighbourhood_, *checker_, events_});
        events_.number_by([this] { return controller_->generation(); });
        if (auto begun = controller_->begin(file->config, file->text); !begun) {
            return begun;
        }
        pressure_.emplace(*controller_, *dataplane_, events_);
        leaving_.emplace(*controller_, *dataplane_, events_);
        idle_.emplace(*controller_, *dataplane_);
        const std::string host = asio::ip::host_name();
        web_.emplace(loop_, Web::Sources{.readings = [this] { return views_->readings(); },
                                         .status = [this](const PageQuery& query) { return page_->json(query); },
                                         .own_name = host});
        nat_.emplace(*controller_, *dataplane_, options_.state / "nat-log", !adopted_);
        views_.emplace(*controller_, *dataplane_, *neighbourhood_, *pressure_, *nat_, *web_);
        page_.emplace(*controller_, *dataplane_, *neighbourhood_, *pressure_, *views_, host);
        doctor_.emplace(Doctor::Parts{*controller_, *dataplane_, *neighbourhood_, *web_, *nat_, options_});
        handlers_.emplace(*controller_, *views_, *dataplane_, *doctor_, *nat_);
        tracing_.emplace(loop_, *controller_, *views_, *neighbourhood_, *dataplane_);
        return {};
    }

    Result<void> listen() {
        auto monitor =
            net::Monitor::start(loop_, [this](net::Monitor::What) { neighbourhood_->refresh(); }, netlink_settle);
        if (!monitor) {
            return std::unexpected(monitor.error());
        }
        monitor_ = std::move(*monitor);
        auto server = serve::ControlServer::listen(
            loop_, options_.socket,
            [this](const api::Request& request, const serve::Peer& peer) {
                nat_->drain(); // under the names of before
                const Events::OnBehalf asked(events_, caller_text(peer));
                auto answer = handlers_->handle(request);
                follow_change();
                return answer;
            },
            {}, [this](const api::Request& request, const serve::Peer& /*peer*/) { return followed(request); });
        if (!server) {
            return std::unexpected(server.error());
        }
        server_ = std::move(*server);
        return {};
    }

    // What a request that follows gets, and from where.
    Result<serve::ControlServer::Followed> followed(const api::Request& request) {
        if (const auto* monitor = std::get_if<api::MonitorRequest>(&request)) {
            for (const std::string& type : monitor->types) {
                if (auto known = api::check_event_type(type); !known) {
                    return std::unexpected(std::move(known.error()).within("types"));
                }
            }
            return serve::ControlServer::Followed{.answer = {}, .backlog = events_.follow(*monitor)};
        }
        if (const auto* trace = std::get_if<api::TraceRequest>(&request)) {
            return tracing_->follow(*trace);
        }
        return fail(ErrorCode::refused, "this agent cannot follow that");
    }

    void await_signal() {
        signals_.async_wait([this](const boost::system::error_code& error, int signal) {
            if (error) {
                return;
            }
            if (signal != SIGHUP) {
                loop_.stop();
                return;
            }
            nat_->drain();
            nat_->reopen();
            reload();
            await_signal();
        });
    }

    void reload() {
        notify_systemd(reloading());
        auto file = load_file(options_.config);
        auto applied = file ? controller_->commit_own_file(file->config, file->text, "reload")
                            : Result<Controller::Outcome>(std::unexpected(file.error()));
        if (applied) {
            events_.publish(
                spdlog::level::info,
                {.type = "file",
                 .state = "applied",
                 .message = fmt::format("{} applied: generation {}", options_.config.string(), applied->generation)});
            notify_systemd(fmt::format("READY=1\nSTATUS=generation {}", applied->generation));
            follow_change();
        } else {
            controller_->refuse_file(applied.error().text());
            notify_systemd("READY=1\nSTATUS=not reloaded: " + applied.error().text());
        }
    }

    // What depends on the running configuration beside the data plane.
    void follow_change() {
        await_trial();
        await_reschedule();
        web_->follow(controller_->running().agent);
        doctor_->follow_change();
        nat_->follow(controller_->running().agent.nat_log);
        await_nat();
    }

    // Nobody wakes the agent for an event: the data plane would pay for that with each connection.
    void await_nat() {
        if (!nat_->is_on() || nat_waits_) {
            return;
        }
        nat_waits_ = true;
        nat_timer_.expires_after(nat_interval);
        nat_timer_.async_wait([this](const boost::system::error_code& error) {
            nat_waits_ = false;
            if (!error) {
                nat_->drain();
                await_nat();
            }
        });
    }

    // An apply that is not confirmed in time is taken back to the moment, not at the next tick.
    void await_trial() {
        const auto& trial = controller_->trial();
        const auto deadline = trial ? std::optional(trial->deadline()) : std::nullopt;
        if (deadline == trial_deadline_) {
            return;
        }
        trial_deadline_ = deadline;
        trial_timer_.cancel();
        if (!deadline) {
            return;
        }
        trial_timer_.expires_at(*deadline);
        trial_timer_.async_wait([this](const boost::system::error_code& error) {
            if (!error) {
                controller_->end_trial_if_due();
                follow_change();
            }
        });
    }

    void await_tick() {
        tick_.expires_after(tick_interval);
        tick_.async_wait([this](const boost::system::error_code& error) {
            if (!error) {
                neighbourhood_->tick();
                pressure_->tick();
                doctor_->tick();
                leaving_->tick();
                nat_->drain();
                controller_->tick();
                nat_->tick();
                if (!dataplane_->go_on_ending()) { // else what waits for its end would be picked once more
                    idle_->tick();
                }
                follow_change(); // the controller may have gone back
                await_tick();
            }
        });
    }

    void await_sample() {
        page_->sample();
        sample_.expires_after(policy::History::interval);
        sample_.async_wait([this](const boost::system::error_code& error) {
            if (!error) {
                await_sample();
            }
        });
    }

    // From the loop: a loop that hangs is silent, and systemd starts the agent anew. The data plane does not notice.
    void await_watchdog(std::chrono::microseconds interval) {
        notify_systemd("WATCHDOG=1");
        watchdog_.expires_after(interval);
        watchdog_.async_wait([this, interval](const boost::system::error_code& error) {
            if (!error) {
                await_watchdog(interval);
            }
        });
    }

    void probed(const probe::Target& target, const probe::Outcome& outcome) {
        controller_->record(target, outcome);
        await_reschedule();
    }

    // Called after whatever may have changed when the schedules are due.
    void await_reschedule() {
        const auto due = controller_->reschedule_due();
        if (due == reschedule_at_) {
            return;
        }
        reschedule_at_ = due;
        reschedule_.cancel();
        if (!due) {
            return;
        }
        reschedule_.expires_at(*due);
        reschedule_.async_wait([this, due](const boost::system::error_code& error) {
            if (!error && reschedule_at_ == due) { // else it ran out just before it was cancelled
                reschedule_at_.reset();
                controller_->reschedule();
                await_reschedule();
            }
        });
    }

    Options options_;
    asio::io_context loop_{1};
    asio::signal_set signals_;
    asio::steady_timer tick_{loop_};
    asio::steady_timer sample_{loop_};
    asio::steady_timer watchdog_{loop_};
    asio::steady_timer reschedule_{loop_};
    asio::steady_timer trial_timer_{loop_};
    asio::steady_timer nat_timer_{loop_};
    bool nat_waits_ = false;
    std::optional<Trial::Clock::time_point> trial_deadline_; // that the timer waits for
    std::optional<policy::Instant> reschedule_at_;
    Events events_;
    bool adopted_ = false; // a data plane ran already
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<dataplane::Dataplane> dataplane_;
    std::unique_ptr<Neighbourhood> neighbourhood_;
    std::unique_ptr<probe::Checker> checker_;
    std::optional<Controller> controller_;
    std::optional<PressureWatch> pressure_;
    std::optional<LeavingWatch> leaving_;
    std::optional<IdleWatch> idle_;
    std::optional<Web> web_;
    std::optional<NatJournal> nat_;
    std::optional<Views> views_;
    std::optional<Doctor> doctor_;
    std::optional<StatusPage> page_;
    std::optional<Handlers> handlers_;
    std::optional<Tracing> tracing_;
    std::unique_ptr<net::Monitor> monitor_;
    std::unique_ptr<serve::ControlServer> server_;
};

} // namespace

Result<void> run_agent(const Options& options) {
    return Agent(options).run();
}

Result<void> check_config(const Options& options) {
    auto file = load_file(options.config);
    if (!file) {
        return std::unexpected(file.error());
    }
    auto ports = policy::check_port_memory(file->config);
    if (!ports) {
        return std::unexpected(ports.error());
    }
    for (const std::string& warning : warnings(file->config)) {
        spdlog::warn("{}", warning);
    }
    fmt::print("{}: ok; proxy ports for {} endpoints need {} of {}\n", options.config.string(), ports->endpoints,
               bytes_text(ports->bytes), bytes_text(file->config.agent.max_port_memory));
    return {};
}

Result<void> detach(const Options& options) {
    // Holding the state folder shows that no agent is running.
    auto store = store::Store::open(options.state);
    if (!store) {
        return std::unexpected(store.error());
    }
    return dataplane::remove_kernel(options.bpffs);
}

} // namespace proxip::app
