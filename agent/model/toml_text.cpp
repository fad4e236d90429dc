#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/encode.hpp"

namespace proxip {

namespace {

// JSON's strings, numbers and booleans are TOML's as well, but that TOML wants DEL escaped too.
std::string scalar(const Ordered& value) {
    std::string text = value.dump(-1, ' ', false, Ordered::error_handler_t::replace);
    for (std::size_t at = text.find('\x7f'); at != std::string::npos; at = text.find('\x7f', at)) {
        text.replace(at, 1, "\\u007f");
    }
    return text;
}

std::string inline_value(const Ordered& value) {
    std::vector<std::string> parts;
    if (value.is_array()) {
        for (const Ordered& element : value) {
            parts.push_back(inline_value(element));
        }
        return fmt::format("[{}]", fmt::join(parts, ", "));
    }
    if (value.is_object()) {
        for (const auto& item : value.items()) {
            parts.push_back(fmt::format("{} = {}", item.key(), inline_value(item.value())));
        }
        return fmt::format("{{ {} }}", fmt::join(parts, ", "));
    }
    return scalar(value);
}

// An array that would make a long line stands one element a line.
std::string laid_out(const Ordered& value) {
    constexpr std::size_t longest = 100;
    std::string text = inline_value(value);
    if (!value.is_array() || text.size() <= longest) {
        return text;
    }
    text = "[\n";
    for (const Ordered& element : value) {
        text += fmt::format("    {},\n", inline_value(element));
    }
    return text + "]";
}

void write_table(std::string& out, std::string_view header, const Ordered& table) {
    out += fmt::format("{}\n", header);
    for (const auto& item : table.items()) {
        const bool has_own_header = item.key() == "check" || item.key() == "backend";
        if (!has_own_header) {
            out += fmt::format("{} = {}\n", item.key(), laid_out(item.value()));
        }
    }
}

void write_service(std::string& out, const Ordered& service) {
    out += '\n';
    write_table(out, "[[service]]", service);
    if (const auto check = service.find("check"); check != service.end()) {
        write_table(out, "[service.check]", *check);
    }
    if (const auto backends = service.find("backend"); backends != service.end()) {
        for (const Ordered& backend : *backends) {
            write_table(out, "[[service.backend]]", backend);
        }
    }
}

} // namespace

std::string toml_text(const Ordered& config) {
    std::string out;
    write_table(out, "[agent]", config.at("agent"));
    if (const auto pools = config.find("proxy_pool"); pools != config.end()) {
        for (const Ordered& pool : *pools) {
            out += '\n';
            write_table(out, "[[proxy_pool]]", pool);
        }
    }
    if (const auto services = config.find("service"); services != config.end()) {
        for (const Ordered& service : *services) {
            write_service(out, service);
        }
    }
    return out;
}

} // namespace proxip
