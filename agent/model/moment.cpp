#include "model/moment.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "model/codec.hpp"
#include "model/text.hpp"

namespace proxip {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view a_moment = "a time: 2026-11-29T02:25:43Z, seconds since 1970, or how long ago, such as -5m";

// A cursor over digits and separators; once something does not fit, it stays unfit.
class Digits {
  public:
    explicit Digits(std::string_view text) : rest_(text) {}

    std::int64_t number(std::size_t digits) { // just so many
        std::int64_t value = 0;
        for (; digits > 0; --digits) {
            fits_ = fits_ && !rest_.empty() && is_digit(rest_.front());
            value = fits_ ? value * 10 + (rest_.front() - '0') : 0;
            rest_.remove_prefix(std::min<std::size_t>(1, rest_.size()));
        }
        return value;
    }
    void mark(char expected) {
        fits_ = fits_ && rest_.starts_with(expected);
        rest_.remove_prefix(std::min<std::size_t>(1, rest_.size()));
    }
    // ".5" is 500; none is 0. What is finer than a millisecond is cut off.
    milliseconds fraction() {
        if (!rest_.starts_with('.')) {
            return milliseconds{0};
        }
        rest_.remove_prefix(1);
        fits_ = fits_ && !rest_.empty() && is_digit(rest_.front());
        std::int64_t value = 0;
        for (std::int64_t unit = 100; !rest_.empty() && is_digit(rest_.front()); unit /= 10) {
            value += unit * (rest_.front() - '0');
            rest_.remove_prefix(1);
        }
        return milliseconds{value};
    }
    [[nodiscard]] bool done() const { return fits_ && rest_.empty(); }

  private:
    static bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

    std::string_view rest_;
    bool fits_ = true;
};

std::optional<Moment> calendar(std::string_view text) {
    using namespace std::chrono; // NOLINT(google-build-using-namespace)
    Digits in(text);
    const std::int64_t year_number = in.number(4);
    in.mark('-');
    const std::int64_t month_number = in.number(2);
    in.mark('-');
    const std::int64_t day_number = in.number(2);
    in.mark('T');
    const std::int64_t hour = in.number(2);
    in.mark(':');
    const std::int64_t minute = in.number(2);
    in.mark(':');
    const std::int64_t second = in.number(2);
    const milliseconds fraction = in.fraction();
    in.mark('Z');
    const year_month_day date{year(static_cast<int>(year_number)), month(static_cast<unsigned>(month_number)),
                              day(static_cast<unsigned>(day_number))};
    if (!in.done() || !date.ok() || hour > 23 || minute > 59 || second > 60) { // 60: a leap second
        return std::nullopt;
    }
    return Moment(sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) + fraction;
}

std::optional<Moment> unix_seconds(std::string_view text) {
    constexpr std::uint64_t most = 253'402'300'799; // the end of the year 9999
    const std::size_t dot = std::min(text.find('.'), text.size());
    const auto whole = parse_number(text.substr(0, dot), most);
    Digits rest(text.substr(dot));
    const milliseconds fraction = rest.fraction();
    if (!whole || !rest.done()) {
        return std::nullopt;
    }
    return Moment(std::chrono::seconds(*whole)) + fraction;
}

} // namespace

std::string moment_text(Moment moment) {
    using namespace std::chrono; // NOLINT(google-build-using-namespace)
    const auto midnight = floor<days>(moment);
    const year_month_day date(midnight);
    const hh_mm_ss time(moment - midnight);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                       time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

Result<Moment> parse_moment(std::string_view text, Moment now) {
    if (text.starts_with('-')) {
        const auto ago = parse_duration(text.substr(1));
        return ago && *ago < now.time_since_epoch() ? Result<Moment>(now - *ago) : unfit(text, a_moment);
    }
    const auto moment = text.ends_with('Z') ? calendar(text) : unix_seconds(text);
    return moment ? Result<Moment>(*moment) : unfit(text, a_moment);
}

} // namespace proxip
