#pragma once

// keepalived.conf(5) as statements: words up to the end of the line, and perhaps a block in braces. What the words mean
// is not known here.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.hpp"

namespace proxip::cli::convert {

struct Statement {
    std::size_t line = 0;
    std::vector<std::string> words; // never empty
    std::vector<Statement> block;

    [[nodiscard]] const std::string& name() const { return words.front(); }
    [[nodiscard]] std::string word(std::size_t number) const { return number < words.size() ? words[number] : ""; }
    [[nodiscard]] std::string text() const; // "lb_kind DR"
    [[nodiscard]] const Statement* find(std::string_view name) const;
};

// Errors: a brace or quote that is not closed, a brace that closes nothing; with their line as path.
[[nodiscard]] Result<std::vector<Statement>> parse_keepalived(std::string_view text);

} // namespace proxip::cli::convert
