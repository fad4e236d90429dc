#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pages.hpp"
#include "roff.hpp"

namespace proxip::man {
namespace {

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) {
        text.remove_prefix(1);
    }
    while (text.ends_with(' ')) {
        text.remove_suffix(1);
    }
    return text;
}

// The cells of "| a | b | c |"; `\|` is a bar of the text.
std::vector<std::string> cells_of(std::string_view row) {
    std::vector<std::string> cells(1);
    row.remove_prefix(1);
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (row[i] == '\\' && i + 1 < row.size() && row[i + 1] == '|') {
            cells.back() += row[++i];
        } else if (row[i] == '|') {
            cells.emplace_back();
        } else {
            cells.back() += row[i];
        }
    }
    cells.pop_back();
    for (auto& cell : cells) {
        cell = std::string(trimmed(cell));
    }
    return cells;
}

bool is_rule(std::string_view row) {
    return row.find_first_not_of("|- :") == std::string_view::npos;
}

std::string heading_of(std::string_view text) {
    std::string heading(text);
    if (!heading.starts_with('[')) { // a table's name is written as in the file
        std::ranges::transform(heading, heading.begin(),
                               [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    }
    return plain(heading);
}

// A Markdown text of headings, paragraphs and tables of `key | default | text`.
class Converter {
  public:
    explicit Converter(Page& page) : page_(&page) {}

    void line(std::string_view text) {
        if (text.starts_with("## ")) {
            flush();
            page_->section(heading_of(text.substr(3)));
        } else if (text.starts_with('|')) {
            flush();
            row(text);
        } else if (text.empty()) {
            flush();
        } else if (!text.starts_with('#')) { // the title is the page's own
            paragraph_ += (paragraph_.empty() ? "" : " ") + std::string(text);
        }
    }

    void flush() {
        if (!paragraph_.empty()) {
            page_->paragraph(inline_markdown(paragraph_));
            paragraph_.clear();
        }
    }

  private:
    void row(std::string_view text) {
        if (is_rule(text) || text.find('`') == std::string_view::npos) { // heads have no code in them
            return;
        }
        const auto cells = cells_of(text);
        const std::string value = cells.size() > 1 ? cells[1] : "";
        std::string about = cells.size() > 2 ? cells[2] : "";
        if (!value.empty() && value != "–") { // of what must be there
            about += fmt::format("{}(default: {})", about.empty() ? "" : " ", value);
        }
        page_->term(inline_markdown(cells[0]), inline_markdown(about));
    }

    Page* page_;
    std::string paragraph_;
};

} // namespace

std::string lb_toml_page(const Edition& edition, std::string_view configuration, std::string_view example) {
    Page page({"lb.toml", "5", "configuration of the proxip load balancer", edition.date, edition.version});
    page.section("DESCRIPTION");
    Converter converter(page);
    while (!configuration.empty()) {
        const auto end = configuration.find('\n');
        converter.line(configuration.substr(0, end));
        configuration.remove_prefix(end == std::string_view::npos ? configuration.size() : end + 1);
    }
    converter.flush();
    page.section("EXAMPLE").verbatim(example);
    page.section("FILES").term(bold("/etc/proxip/lb.toml"), "Where " + bold("lbagent") + "(8) looks for it.");
    page.section("SEE ALSO").paragraph(bold("lbagent") + "(8), " + bold("lbctl") + "(8)");
    return page.text();
}

} // namespace proxip::man
