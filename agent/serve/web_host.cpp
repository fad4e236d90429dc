#include "serve/web_host.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "model/address.hpp"

namespace proxip::serve {

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

bool is_port(std::string_view text) {
    return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Without ":PORT"; none: that is no port.
std::optional<std::string_view> without_port(std::string_view host) {
    const std::size_t end = host.starts_with('[') ? host.find(']') : 0;
    const std::size_t colon = end == std::string_view::npos ? end : host.find(':', end);
    if (colon == std::string_view::npos) {
        return host;
    }
    return is_port(host.substr(colon + 1)) ? std::optional(host.substr(0, colon)) : std::nullopt;
}

bool is_literal(std::string_view name) {
    const bool bracketed = name.size() > 2 && name.front() == '[' && name.back() == ']';
    const auto address = Address::parse(bracketed ? name.substr(1, name.size() - 2) : name);
    return address && (address->family == Family::v6) == bracketed;
}

} // namespace

bool is_own_host(std::string_view host, std::string_view own) {
    const auto bare = without_port(host);
    if (!bare || bare->empty()) {
        return false;
    }
    const std::string name = lower(*bare);
    const std::string mine = lower(own);
    return name == "localhost" || name.ends_with(".localhost") || is_literal(name) ||
           (!mine.empty() && (name == mine || name == mine.substr(0, mine.find('.'))));
}

} // namespace proxip::serve
