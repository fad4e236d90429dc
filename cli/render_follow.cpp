#include "cli/render_follow.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace proxip::cli {
namespace {

using Json = nlohmann::json;

std::string text_of(const api::Packet::Tuple& tuple) {
    return tuple.source + " > " + tuple.destination;
}

// "2026-01-02T03:04:05.678901234Z" -> "03:04:05.678901234"
std::string_view time_of_day(std::string_view time) {
    const auto begin = time.find('T');
    const auto end = time.find('Z');
    return begin == std::string_view::npos ? time : time.substr(begin + 1, end - begin - 1);
}

struct Line {
    bool wide;

    std::string operator()(const api::Event& it) const {
        std::string text = fmt::format("{} {:<10} {}", it.time, it.type, it.message);
        if (wide && it.caller) {
            text += fmt::format(" ({})", *it.caller);
        }
        if (wide) {
            for (const Change& change : it.changes) {
                text +=
                    fmt::format("\n    {} {}: \"{}\" -> \"{}\"", change.action, change.path, change.from, change.to);
            }
        }
        return text;
    }
    std::string operator()(const api::Packet& it) const {
        std::string text = fmt::format("{} {} {} {}", time_of_day(it.time), it.interface, it.protocol, text_of(it.in));
        if (it.out) {
            text += " => " + text_of(*it.out);
        }
        if (!it.flags.empty()) {
            text += fmt::format(" [{}]", it.flags);
        }
        text += fmt::format(" {} B {}", it.length, verdict_text(it));
        if (const auto& hop = it.next_hop) {
            text += fmt::format(" to {} on {} by {}", hop->mac, hop->interface, hop->via);
        }
        if (wide && it.service) {
            text += fmt::format(" service {} {}", *it.service, it.direction.value_or(""));
        }
        return text;
    }
    std::string operator()(const api::Lost& it) const {
        return fmt::format("({} lost here: more than could be taken)", it.count);
    }
    std::string operator()(const Error& it) const { return it.text(); }
};

} // namespace

std::string verdict_text(const api::Packet& packet) {
    std::string text = packet.verdict;
    if (!packet.reason.empty()) {
        text += " " + packet.reason;
    }
    if (packet.answer) {
        text += ", answered with " + *packet.answer;
    }
    return text;
}

std::string line_of(const api::Item& item, Output output) {
    if (output == Output::json) {
        const Json value = api::encode(item);
        const bool wrapped = value.contains("event") || value.contains("packet");
        return (wrapped ? value.front() : value).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
    return std::visit(Line{output == Output::wide}, item) + "\n";
}

} // namespace proxip::cli
