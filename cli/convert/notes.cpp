#include "cli/convert/notes.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace proxip::cli::convert {

void Notes::add(std::size_t line, std::string text) {
    const auto known = std::ranges::find(notes_, text, [](const auto& note) { return note.first; });
    if (known == notes_.end()) {
        notes_.emplace_back(std::move(text), std::vector{line});
    } else if (known->second.back() != line) {
        known->second.push_back(line);
    }
}

std::string Notes::text(const std::string& file) const {
    constexpr std::size_t shown = 5;
    auto sorted = notes_;
    std::ranges::stable_sort(sorted, {}, [](const auto& note) { return note.second.front(); });
    std::string out;
    for (const auto& [text, lines] : sorted) {
        out += lines.front() == 0 ? fmt::format("{}: {}", file, text)
                                  : fmt::format("{}:{}: {}", file, lines.front(), text);
        if (lines.size() > 1) {
            const std::vector<std::size_t> more(
                lines.begin() + 1, lines.begin() + static_cast<std::ptrdiff_t>(std::min(lines.size(), shown + 1)));
            out += fmt::format(" (also line{} {}", more.size() == 1 ? "" : "s", fmt::join(more, ", "));
            out += lines.size() > shown + 1 ? fmt::format(" and {} more)", lines.size() - shown - 1) : ")";
        }
        out += '\n';
    }
    return out;
}

} // namespace proxip::cli::convert
