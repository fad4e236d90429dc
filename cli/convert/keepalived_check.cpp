#include "cli/convert/keepalived_check.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "model/codec.hpp"
#include "model/text.hpp"

namespace proxip::cli::convert {
namespace {

constexpr std::array checkers{"TCP_CHECK", "HTTP_GET",   "SSL_GET",   "SMTP_CHECK", "DNS_CHECK",
                              "UDP_CHECK", "PING_CHECK", "BFD_CHECK", "MISC_CHECK", "FILE_CHECK"};

const Statement* checker_of(const Statement& real_server) {
    const auto found = std::ranges::find_if(real_server.block, [](const Statement& one) {
        return std::ranges::find(checkers, one.name()) != checkers.end();
    });
    return found == real_server.block.end() ? nullptr : &*found;
}

// The innermost that says so: the checker, its real_server, the virtual_server.
const Statement* told(std::initializer_list<const Statement*> places, std::string_view name) {
    for (const Statement* place : places) {
        if (const Statement* one = place->find(name)) {
            return one;
        }
    }
    return nullptr;
}

void take_duration(const Statement* told, Millis least, Millis& out, Notes& notes) {
    if (told == nullptr) {
        return;
    }
    const auto value = seconds(told->word(1));
    if (!value) {
        notes.add(told->line, fmt::format("{}: not a number of seconds, left out", told->text()));
        return;
    }
    out = std::clamp(*value, least, limits::max_timeout);
}

void take_port(const Statement& checker, Check& check, Notes& notes) {
    if (const Statement* port = checker.find("connect_port")) {
        const auto number = proxip::parse_number(port->word(1), 65535);
        if (number && *number > 0) {
            check.port = static_cast<std::uint16_t>(*number);
        } else {
            notes.add(port->line, fmt::format("{}: not a port, left out", port->text()));
        }
    }
}

void take_retries(const Statement* retry, Check& check, Notes& notes) {
    if (retry == nullptr) {
        return;
    }
    if (const auto number = proxip::parse_number(retry->word(1), limits::max_rise_fall - 1)) {
        check.fall = static_cast<std::uint32_t>(*number) + 1; // the first failure is not a retry
    } else {
        notes.add(retry->line,
                  fmt::format("{}: not a number below {}, left out", retry->text(), limits::max_rise_fall));
    }
}

// What this version can ask of a server.
CheckType type_of(const Statement& checker, Protocol protocol, Notes& notes) {
    struct Row {
        std::string_view name;
        Protocol protocol;
        CheckType type;
    };
    constexpr std::array same{
        Row{"TCP_CHECK", Protocol::tcp, CheckType::tcp},   Row{"HTTP_GET", Protocol::tcp, CheckType::http},
        Row{"SSL_GET", Protocol::tcp, CheckType::https},   Row{"UDP_CHECK", Protocol::udp, CheckType::udp},
        Row{"PING_CHECK", Protocol::tcp, CheckType::icmp}, Row{"PING_CHECK", Protocol::udp, CheckType::icmp}};
    const auto found = std::ranges::find_if(
        same, [&](const Row& row) { return row.name == checker.name() && row.protocol == protocol; });
    if (found != same.end()) {
        return found->type;
    }
    const bool connects = protocol == Protocol::tcp;
    notes.add(checker.line, fmt::format("{}: {}", checker.name(),
                                        connects ? "becomes a check that connects (type = \"tcp\")"
                                                 : "not translated: the backend is not checked"));
    return connects ? CheckType::tcp : CheckType::none;
}

// The first url of HTTP_GET or SSL_GET; without status_code keepalived takes any 2xx.
void take_url(const Statement& checker, std::initializer_list<const Statement*> places, Check& check, Notes& notes) {
    check.status = StatusSet::parse("200-299").value();
    if (const Statement* host = told(places, "virtualhost")) {
        check.host = host->word(1);
    }
    const Statement* first = nullptr;
    for (const Statement& url : checker.block) {
        if (url.name() != "url") {
            continue;
        }
        if (first != nullptr) {
            notes.add(url.line, "url: only the first one of a checker is asked for");
            continue;
        }
        first = &url;
        for (const Statement& one : url.block) {
            if (one.name() == "path") {
                check.path = one.word(1);
            } else if (one.name() == "virtualhost") {
                check.host = one.word(1);
            } else if (auto status = StatusSet::parse(one.word(1)); one.name() == "status_code" && status) {
                check.status = *status;
            } else {
                notes.add(one.line, fmt::format("{} of url: not translated", one.text()));
            }
        }
    }
}

void note_rest(const Statement& checker, bool http, Notes& notes) {
    constexpr std::array known{"connect_port", "connect_timeout", "retry", "nb_get_retry", "delay_loop"};
    for (const Statement& one : checker.block) {
        const bool taken = http && (one.name() == "url" || one.name() == "virtualhost");
        if (!taken && std::ranges::find(known, one.name()) == known.end()) {
            notes.add(one.line, fmt::format("{} of {}: not translated", one.name(), checker.name()));
        }
    }
}

Check one_check(const Statement& virtual_server, const Statement& real_server, const Statement& checker,
                Protocol protocol, Notes& notes) {
    Check check;
    check.type = type_of(checker, protocol, notes);
    if (check.type == CheckType::none) {
        return {};
    }
    const auto places = {&checker, &real_server, &virtual_server};
    check.rise = 1; // keepalived takes a server back after one good check
    take_duration(told(places, "delay_loop"), limits::min_interval, check.interval, notes);
    take_duration(told(places, "connect_timeout"), limits::min_check_timeout, check.timeout, notes);
    const Statement* retry = told(places, "retry");
    take_retries(retry != nullptr ? retry : told(places, "nb_get_retry"), check, notes);
    if (check.has_port()) {
        take_port(checker, check, notes);
    }
    if (check.is_http()) {
        take_url(checker, places, check, notes);
    }
    note_rest(checker, check.is_http(), notes);
    return check;
}

} // namespace

std::optional<Millis> seconds(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    constexpr double most = 1e9;
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || !(value > 0 && value < most)) {
        return std::nullopt;
    }
    return Millis{static_cast<Millis::rep>(value * 1000)};
}

Check check_of(const Statement& virtual_server, Protocol protocol, Notes& notes) {
    std::optional<Check> first;
    bool unchecked = false;
    for (const Statement& real_server : virtual_server.block) {
        if (real_server.name() != "real_server") {
            continue;
        }
        const Statement* checker = checker_of(real_server);
        if (checker == nullptr) {
            unchecked = true;
            continue;
        }
        Check check = one_check(virtual_server, real_server, *checker, protocol, notes);
        if (!first) {
            first = check;
        } else if (check != *first) {
            notes.add(checker->line,
                      "not the check of the first real_server: a service has one check, and it is the first");
        }
    }
    if (first && unchecked && first->type != CheckType::none) {
        notes.add(virtual_server.line, "a real_server without a check is checked as the others are");
    }
    return first.value_or(Check{});
}

} // namespace proxip::cli::convert
