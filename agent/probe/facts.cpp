#include "probe/facts.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

#include <fmt/format.h>

namespace proxip::probe {

namespace {

bool is_our_own(const boost::system::error_code& error) {
    constexpr std::array ours{EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, EAGAIN, EPERM, EACCES, EAFNOSUPPORT};
    return error.category() == boost::system::system_category() && std::ranges::find(ours, error.value()) != ours.end();
}

} // namespace

std::string words(const boost::system::error_code& error) {
    std::string text = error.message();
    const bool acronym = text.size() > 1 && std::isupper(static_cast<unsigned char>(text[1])) != 0;
    if (!text.empty() && !acronym) {
        text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
    }
    return text;
}

Outcome success(std::string_view what, Clock::time_point since) {
    const std::chrono::duration<double, std::milli> taken = Clock::now() - since;
    return {.success = true, .detail = fmt::format("{} in {:.1f} ms", what, taken.count())};
}

Outcome failure(const boost::system::error_code& error, std::string_view step) {
    if (is_our_own(error)) {
        return not_made(words(error));
    }
    return {.success = false, .detail = fmt::format("{}{}{}", step, step.empty() ? "" : ": ", words(error))};
}

Outcome not_made(std::string_view why) {
    return {.success = false, .detail = fmt::format("not checked: {}", why), .made = false};
}

} // namespace proxip::probe
