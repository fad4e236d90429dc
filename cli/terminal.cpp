#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "api/descriptor.hpp"
#include "cli/screen.hpp"

namespace proxip::cli {
namespace {

using api::Descriptor;

// xterm's control sequences (ctlseqs), which every terminal of today knows: other screen, cursor off; and back.
constexpr std::string_view enter_sequence = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr std::string_view leave_sequence = "\x1b[?25h\x1b[?1049l";

void write_all(std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written < 0 && errno != EINTR) {
            return; // the terminal is gone: SIGHUP is on its way
        }
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
}

sigset_t watched_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}) {
        sigaddset(&set, signal);
    }
    return set;
}

void wake(const Descriptor& event) {
    const std::uint64_t one = 1;
    (void)!::write(event.get(), &one, sizeof one);
}

// Signals come to a thread of their own: the other one may be waiting for an agent that does not answer.
class Terminal final : public Screen {
  public:
    explicit Terminal(const termios& before)
        : before_(before), events_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
          stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        const sigset_t set = watched_signals();
        ::pthread_sigmask(SIG_BLOCK, &set, &mask_before_);
        signals_ = Descriptor(::signalfd(-1, &set, SFD_CLOEXEC));
        enter();
        watcher_ = std::thread([this] { watch(); });
    }
    ~Terminal() override {
        wake(stop_);
        watcher_.join();
        leave();
        ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    Terminal(Terminal&&) = delete;
    Terminal& operator=(Terminal&&) = delete;

    Size size() const override {
        winsize found{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &found) != 0 || found.ws_col == 0 || found.ws_row == 0) {
            return {};
        }
        return {.columns = found.ws_col, .rows = found.ws_row};
    }
    void draw(const std::string& text) override;
    std::optional<char> key(Millis wait) override;

  private:
    void enter() {
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
        write_all(enter_sequence);
        const std::scoped_lock guard(mutex_);
        shown_ = true;
    }
    void leave() {
        const std::scoped_lock guard(mutex_);
        if (std::exchange(shown_, false)) {
            write_all(leave_sequence);
            ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
        }
    }
    void watch();
    void take(int signal);

    termios before_;
    sigset_t mask_before_{};
    Descriptor events_; // a key may not come for long: something else did
    Descriptor stop_;
    Descriptor signals_;
    std::mutex mutex_; // of the screen
    bool shown_ = false;
    std::thread watcher_;
};

void Terminal::watch() {
    for (;;) {
        std::array<pollfd, 2> watched{pollfd{signals_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
        if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) {
            return;
        }
        if (watched[1].revents != 0) {
            return;
        }
        signalfd_siginfo info{};
        if (watched[0].revents != 0 && ::read(signals_.get(), &info, sizeof info) == sizeof info) {
            take(static_cast<int>(info.ssi_signo));
        }
    }
}

void Terminal::take(int signal) {
    if (signal == SIGTSTP) {
        leave();
        ::kill(::getpid(), SIGSTOP); // goes on here when the shell continues us
        enter();
    } else if (signal != SIGWINCH) {
        leave();
        sigset_t only;
        sigemptyset(&only);
        sigaddset(&only, signal);
        ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
        ::kill(::getpid(), signal); // the signal's own end, so that a shell sees what it was
    }
    wake(events_);
}

void Terminal::draw(const std::string& text) {
    const auto [columns, rows] = size();
    std::string frame = "\x1b[H";
    std::string_view left = text;
    for (std::size_t row = 0; row < rows && !left.empty(); ++row) {
        const auto end = left.find('\n');
        frame += clipped(left.substr(0, end), columns);
        frame += row + 1 < rows ? "\x1b[K\r\n" : "\x1b[K";
        left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
    }
    frame += "\x1b[J";
    const std::scoped_lock guard(mutex_);
    if (shown_) {
        write_all(frame);
    }
}

std::optional<char> Terminal::key(Millis wait) {
    std::array<pollfd, 2> watched{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{events_.get(), POLLIN, 0}};
    if (::poll(watched.data(), watched.size(), static_cast<int>(std::max<Millis::rep>(wait.count(), 0))) <= 0) {
        return std::nullopt;
    }
    std::uint64_t count = 0;
    (void)!::read(events_.get(), &count, sizeof count);
    char pressed = 0;
    if (watched[0].revents == 0) {
        return std::nullopt;
    }
    return ::read(STDIN_FILENO, &pressed, 1) == 1 ? pressed : 'q'; // the end of the input is the end
}

} // namespace

std::unique_ptr<Screen> open_terminal() {
    termios now{};
    const char* kind = std::getenv("TERM"); // NOLINT(concurrency-mt-unsafe): there is one thread yet
    const bool dumb = kind == nullptr || std::string_view{kind} == "dumb";
    if (dumb || ::isatty(STDOUT_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &now) != 0) {
        return nullptr;
    }
    return std::make_unique<Terminal>(now);
}

std::string_view clipped(std::string_view line, std::size_t columns) {
    std::size_t shown = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool begins = (static_cast<std::uint8_t>(line[i]) & 0xc0U) != 0x80U; // else a later byte of a character
        if (begins && shown++ == columns) {
            return line.substr(0, i);
        }
    }
    return line;
}

} // namespace proxip::cli
