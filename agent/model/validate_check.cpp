#include <algorithm>

#include <fmt/format.h>

#include "model/codec.hpp"
#include "model/validate.hpp"

namespace proxip::validation {

namespace {

bool is_printable(char character) {
    return character > ' ' && character <= '~';
}

// It stands in a request line: a blank or a line's end there would be another request.
Fault check_path(const Place& place, const std::string& path) {
    if (path.starts_with('/') && path.size() <= limits::max_check_text && std::ranges::all_of(path, is_printable)) {
        return std::nullopt;
    }
    return place.unfit(path,
                       fmt::format("a path such as /healthz: printable ASCII without blanks, at most {} characters",
                                   limits::max_check_text));
}

Fault check_host(const Place& place, const std::string& host) {
    constexpr std::string_view more = "-._";
    const auto fits = [&](char character) {
        return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
               (character >= '0' && character <= '9') || more.contains(character);
    };
    if ((host.size() <= limits::max_host_length && std::ranges::all_of(host, fits)) || Address::parse(host)) {
        return std::nullopt;
    }
    return place.unfit(host, "the name of a host, such as www.example.org, or an address, without a port");
}

Fault check_ca_file(const Place& place, const std::string& file) {
    if (file.empty() || (file.starts_with('/') && file.size() <= limits::max_check_text)) {
        return std::nullopt;
    }
    return place.unfit(file, "the whole path of a file of certificates (PEM)");
}

Fault check_datagram(const Place& place, const std::string& bytes) {
    if (bytes.size() <= limits::max_check_text) {
        return std::nullopt;
    }
    return place.fault(fmt::format("found {} bytes, expected at most {}", bytes.size(), limits::max_check_text));
}

Fault check_jitter(const Place& place, const Check& check) {
    const Millis most = check.interval / 2;
    if (check.most_jitter() >= Millis{0} && check.most_jitter() <= most) {
        return std::nullopt;
    }
    return place.unfit(duration_text(check.most_jitter()),
                       fmt::format("at most {}, half of the interval", duration_text(most)));
}

} // namespace

Fault check_question(const Place& place, const Check& check) {
    return first_of([&] { return check_path(place.key("path"), check.path); },
                    [&] { return check_host(place.key("host"), check.host); },
                    [&] { return check_ca_file(place.key("ca_file"), check.ca_file); },
                    [&] { return check_datagram(place.key("send"), check.send); },
                    [&] { return check_datagram(place.key("expect"), check.expect); },
                    [&] { return check_jitter(place.key("jitter"), check); });
}

} // namespace proxip::validation
