#include "roff.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace proxip::man {
namespace {

// What a terminal without UTF-8 could not show, and what roff would take for its own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> spellings{{
    {"\\", "\\e"},
    {"-", "\\-"}, // else a hyphen, which nobody can paste into a shell
    {"…", "..."},
    {"–", "\\(en"},
    {"×", "\\(mu"},
    {"→", "\\(->"},
}};

bool begins_like_a_request(std::string_view line) {
    return line.starts_with('.') || line.starts_with('\'');
}

// Lines of roff must not be empty, nor begin like a request by accident.
std::string as_line(std::string_view roff) {
    return fmt::format("{}{}\n", begins_like_a_request(roff) ? "\\&" : "", roff);
}

// Text that roff fills: lines end where a word does.
std::string filled(std::string_view roff) {
    constexpr std::size_t width = 78;
    std::string lines;
    while (roff.ends_with(' ')) {
        roff.remove_suffix(1);
    }
    while (roff.size() > width) {
        const auto blank = roff.rfind(' ', width);
        if (blank == std::string_view::npos || blank == 0) {
            break;
        }
        lines += as_line(roff.substr(0, blank));
        roff.remove_prefix(blank + 1);
    }
    return lines + as_line(roff);
}

std::string as_argument(std::string_view roff) {
    std::string quoted = "\"";
    for (const char c : roff) {
        quoted += c == '"' ? std::string("\\(dq") : std::string(1, c);
    }
    return quoted + "\"";
}

} // namespace

std::string plain(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        bool spelled = false;
        for (const auto& [from, to] : spellings) {
            if (text.starts_with(from)) {
                out += to;
                text.remove_prefix(from.size());
                spelled = true;
                break;
            }
        }
        if (!spelled) {
            out += text.front() == '\n' ? ' ' : text.front();
            text.remove_prefix(1);
        }
    }
    return out;
}

std::string bold(std::string_view text) {
    return "\\fB" + plain(text) + "\\fR";
}

std::string italic(std::string_view text) {
    return "\\fI" + plain(text) + "\\fR";
}

std::string inline_markdown(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto at = text.find_first_of("`[");
        out += plain(text.substr(0, at));
        if (at == std::string_view::npos) {
            break;
        }
        const char opening = text[at];
        text.remove_prefix(at + 1);
        const auto end = text.find(opening == '`' ? "`" : "](");
        const auto link_end = opening == '[' && end != std::string_view::npos ? text.find(')', end) : end;
        if (end == std::string_view::npos || link_end == std::string_view::npos) { // neither code nor a link
            out += opening;
            continue;
        }
        out += opening == '`' ? bold(text.substr(0, end)) : inline_markdown(text.substr(0, end));
        text.remove_prefix(link_end + 1);
    }
    return out;
}

Page::Page(const Title& title) {
    std::string name;
    for (const char c : title.name) {
        name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    text_ = fmt::format(".\\\" Made by proxip_man from the definition of the options: not to be edited.\n"
                        ".TH {} {} {} {} {}\n",
                        as_argument(name), title.section, as_argument(title.date),
                        as_argument("proxip " + title.version), as_argument("proxip"));
    section("NAME").paragraph(plain(title.name) + " \\- " + plain(title.summary));
}

Page& Page::section(std::string_view heading) {
    text_ += fmt::format(".SH {}\n", as_argument(heading));
    after_heading_ = true;
    return *this;
}

Page& Page::subsection(std::string_view heading) {
    text_ += fmt::format(".SS {}\n", as_argument(heading));
    after_heading_ = true;
    return *this;
}

Page& Page::paragraph(std::string_view roff) {
    text_ += (after_heading_ ? "" : ".PP\n") + filled(roff);
    after_heading_ = false;
    return *this;
}

Page& Page::term(std::string_view tag, std::string_view body) {
    text_ += ".TP\n" + as_line(tag) + filled(body.empty() ? "\\&" : body);
    after_heading_ = false;
    return *this;
}

Page& Page::indented(const std::function<void(Page&)>& inside) {
    const std::size_t before = text_.size();
    text_ += ".RS\n";
    const std::size_t begun = text_.size();
    inside(*this);
    if (text_.size() == begun) {
        text_.resize(before);
    } else {
        text_ += ".RE\n";
    }
    return *this;
}

Page& Page::verbatim(std::string_view text) {
    text_ += after_heading_ ? ".nf\n" : ".PP\n.nf\n";
    while (!text.empty()) {
        const auto end = text.find('\n');
        text_ += as_line(plain(text.substr(0, end)));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    text_ += ".fi\n";
    after_heading_ = false;
    return *this;
}

} // namespace proxip::man
