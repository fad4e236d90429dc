#include "app/log.hpp"

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace proxip::app {

namespace {

// sd-daemon(3): "<3>" for an error, so that `journalctl --priority warning` finds what matters.
class Priority final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm& /*time*/, spdlog::memory_buf_t& line) override {
        fmt::format_to(fmt::appender(line), "<{}>", number_of(message.level));
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Priority>(); }

  private:
    static int number_of(spdlog::level::level_enum level) {
        switch (level) {
        case spdlog::level::critical: return 2;
        case spdlog::level::err: return 3;
        case spdlog::level::warn: return 4;
        case spdlog::level::info: return 6;
        default: return 7;
        }
    }
};

// JOURNAL_STREAM is "device:inode" of the journal's stream. Who redirects stderr leaves the variable as it was.
bool stderr_is_the_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM"); // NOLINT(concurrency-mt-unsafe): before any thread
    struct stat ours{};
    return stream != nullptr && ::fstat(STDERR_FILENO, &ours) == 0 &&
           std::string_view(stream) == fmt::format("{}:{}", ours.st_dev, ours.st_ino);
}

} // namespace

void start_log(bool verbose) {
    spdlog::set_default_logger(spdlog::stderr_logger_st("lbagent"));
    if (stderr_is_the_journal()) {
        auto lines = std::make_unique<spdlog::pattern_formatter>();
        lines->add_flag<Priority>('*').set_pattern("%*%v");
        spdlog::set_formatter(std::move(lines));
    } else {
        spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l: %v");
    }
    spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::info);
}

} // namespace proxip::app
