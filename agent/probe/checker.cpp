#include "probe/checker.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "probe/means.hpp"
#include "probe/probe.hpp"

namespace proxip::probe {

namespace asio = boost::asio;

namespace {

constexpr int spread_divisor = 10; // of its interval, for the first check
// More at once would wait for this loop, and seem to be slow themselves.
constexpr std::chrono::microseconds least_distance{250};

// What all watches of a checker share; it outlives the checker for as long as one of their coroutines does.
struct Shared {
    Checker::Report report;
    std::shared_ptr<Means> means;
    std::minstd_rand random{std::random_device{}()};
};

class Watch : public std::enable_shared_from_this<Watch> {
  public:
    Watch(asio::io_context& loop, std::shared_ptr<Shared> shared, Target target)
        : target_(std::move(target)), shared_(std::move(shared)), pause_(loop),
          probe_(Probe::make(loop.get_executor(), target_, shared_->means)) {}

    [[nodiscard]] const Target& target() const { return target_; }

    void start(asio::io_context& loop, Clock::duration delay) {
        asio::co_spawn(loop, run(shared_from_this(), delay), [](const std::exception_ptr& error) {
            if (error) {
                std::rethrow_exception(error);
            }
        });
    }

    void stop() {
        stopped_ = true;
        pause_.cancel();
        probe_->cancel();
    }

  private:
    // `self` keeps the watch alive until the coroutine has noticed that it was stopped.
    static asio::awaitable<void> run(std::shared_ptr<Watch> self, Clock::duration delay) {
        auto next = Clock::now() + delay;
        for (;;) {
            co_await self->until(next);
            if (self->stopped_) {
                co_return;
            }
            next = Clock::now() + self->jittered();
            const Outcome outcome = co_await self->probe_->ask();
            if (self->stopped_) {
                co_return;
            }
            self->shared_->report(self->target_, outcome);
        }
    }

    asio::awaitable<void> until(Clock::time_point when) {
        if (stopped_) { // stopped from the report: nothing is left to cancel the wait
            co_return;
        }
        boost::system::error_code cancelled;
        pause_.expires_at(when);
        co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }

    // Targets that began together do not stay together.
    Clock::duration jittered() {
        const Clock::duration most = target_.check.most_jitter();
        return target_.check.interval -
               Clock::duration(std::uniform_int_distribution<Clock::rep>(0, most.count())(shared_->random));
    }

    Target target_;
    std::shared_ptr<Shared> shared_;
    asio::steady_timer pause_;
    std::shared_ptr<Probe> probe_;
    bool stopped_ = false;
};

class AsioChecker final : public Checker {
  public:
    AsioChecker(asio::io_context& loop, Report report)
        : loop_(loop), shared_(std::make_shared<Shared>(Shared{
                           .report = std::move(report), .means = std::make_shared<Means>(loop.get_executor())})) {}
    AsioChecker(const AsioChecker&) = delete;
    AsioChecker& operator=(const AsioChecker&) = delete;
    ~AsioChecker() override {
        for (auto& [key, watch] : watches_) {
            watch->stop();
        }
    }

    void watch(std::vector<Target> targets) override {
        std::map<Key, std::shared_ptr<Watch>> kept;
        std::vector<std::shared_ptr<Watch>> fresh;
        for (Target& target : targets) {
            Key key{target.service, target.backend};
            if (target.check.type == CheckType::none || kept.contains(key)) {
                continue;
            }
            const auto running = watches_.find(key);
            if (running != watches_.end() && running->second->target() == target) {
                kept.insert(watches_.extract(running));
                continue;
            }
            fresh.push_back(std::make_shared<Watch>(loop_, shared_, std::move(target)));
            kept.emplace(std::move(key), fresh.back());
        }
        for (auto& [key, gone] : watches_) {
            gone->stop();
        }
        watches_ = std::move(kept);
        start(fresh);
    }

  private:
    using Key = std::pair<std::string, SocketAddress>;

    // The first goes at once, the others evenly behind it.
    void start(const std::vector<std::shared_ptr<Watch>>& fresh) {
        for (std::size_t place = 0; place < fresh.size(); ++place) {
            const Millis interval = fresh[place]->target().check.interval;
            const Clock::duration spread =
                std::clamp<Clock::duration>(fresh.size() * least_distance, interval / spread_divisor, interval);
            const double part = static_cast<double>(place) / static_cast<double>(fresh.size());
            fresh[place]->start(loop_, std::chrono::duration_cast<Clock::duration>(spread * part));
        }
    }

    asio::io_context& loop_;
    std::shared_ptr<Shared> shared_;
    std::map<Key, std::shared_ptr<Watch>> watches_;
};

} // namespace

std::unique_ptr<Checker> Checker::make(asio::io_context& loop, Report report) {
    return std::make_unique<AsioChecker>(loop, std::move(report));
}

} // namespace proxip::probe
