#include "probe/checker.hpp"

#include <chrono>
#include <exception>
#include <map>
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "probe/attempt.hpp"

namespace proxip::probe {

namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int spread_divisor = 10;         // of its interval, for the first check
constexpr double shortest_interval = 0.95; // jitter: targets that began together do not stay together

// What all watches of a checker share; it outlives the checker for as long as one of their coroutines does.
struct Shared {
    Checker::Report report;
    std::minstd_rand random{std::random_device{}()};
};

class Watch : public std::enable_shared_from_this<Watch> {
  public:
    Watch(asio::io_context& loop, std::shared_ptr<Shared> shared, Target target)
        : target_(std::move(target)), shared_(std::move(shared)), pause_(loop),
          attempt_(std::make_shared<Attempt>(loop.get_executor())) {}

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
        attempt_->cancel();
    }

  private:
    // `self` keeps the watch alive until the coroutine has noticed that it was stopped.
    static asio::awaitable<void> run(std::shared_ptr<Watch> self, Clock::duration delay) {
        const auto endpoint = Attempt::endpoint(self->target_);
        auto next = Clock::now() + delay;
        for (;;) {
            co_await self->until(next);
            if (self->stopped_) {
                co_return;
            }
            next = Clock::now() + self->jittered();
            const Outcome outcome = co_await self->attempt_->connect(endpoint, self->target_.check.timeout);
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

    Clock::duration jittered() {
        std::uniform_real_distribution<double> part(shortest_interval, 1.0);
        return std::chrono::duration_cast<Clock::duration>(target_.check.interval * part(shared_->random));
    }

    Target target_;
    std::shared_ptr<Shared> shared_;
    asio::steady_timer pause_;
    std::shared_ptr<Attempt> attempt_;
    bool stopped_ = false;
};

class AsioChecker final : public Checker {
  public:
    AsioChecker(asio::io_context& loop, Report report)
        : loop_(loop), shared_(std::make_shared<Shared>(Shared{.report = std::move(report)})) {}
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
            const Clock::duration spread = fresh[place]->target().check.interval / spread_divisor;
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
