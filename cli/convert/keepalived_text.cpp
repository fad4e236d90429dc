#include "cli/convert/keepalived_text.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace proxip::cli::convert {
namespace {

struct Token {
    std::size_t line = 0;
    enum class Kind { word, open, close, end_of_line } kind = Kind::word;
    std::string text = {};
};

bool ends_word(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '{' || c == '}' || c == '#' || c == '!' || c == '"';
}

// Comments run from # or ! to the end of the line; quotes hold a word together.
Result<void> read_line(std::string_view line, std::size_t number, std::vector<Token>& out) {
    for (std::size_t i = 0; i < line.size();) {
        const char c = line[i];
        if (c == '#' || c == '!') {
            break;
        }
        if (c == '{' || c == '}') {
            out.push_back({number, c == '{' ? Token::Kind::open : Token::Kind::close});
            ++i;
        } else if (c == '"') {
            const auto end = line.find('"', i + 1);
            if (end == std::string_view::npos) {
                return fail(ErrorCode::invalid, "the quote is not closed", fmt::format("{}", number));
            }
            out.push_back({number, Token::Kind::word, std::string{line.substr(i + 1, end - i - 1)}});
            i = end + 1;
        } else if (ends_word(c)) {
            ++i;
        } else {
            const auto begin = i;
            i = static_cast<std::size_t>(
                std::find_if(line.begin() + static_cast<std::ptrdiff_t>(i), line.end(), ends_word) - line.begin());
            out.push_back({number, Token::Kind::word, std::string{line.substr(begin, i - begin)}});
        }
    }
    out.push_back({number, Token::Kind::end_of_line});
    return {};
}

Result<std::vector<Token>> tokens_of(std::string_view text) {
    std::vector<Token> out;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        if (auto read = read_line(text.substr(0, end), number, out); !read) {
            return std::unexpected(std::move(read.error()));
        }
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return out;
}

// The blocks that are open are a path down the last statements.
class Builder {
  public:
    Result<void> take(Token token) {
        switch (token.kind) {
        case Token::Kind::word: word(std::move(token)); return {};
        case Token::Kind::end_of_line: complete_ = true; return {};
        case Token::Kind::open: return open(token.line);
        case Token::Kind::close: return close(token.line);
        }
        return {};
    }
    Result<std::vector<Statement>> finish() {
        if (!opened_.empty()) {
            return fail(ErrorCode::invalid, "the brace is not closed", fmt::format("{}", opened_.back()));
        }
        return std::move(top_);
    }

  private:
    std::vector<Statement>& current() {
        auto* block = &top_;
        for (std::size_t depth = 0; depth < opened_.size(); ++depth) {
            block = &block->back().block;
        }
        return *block;
    }
    void word(Token token) {
        auto& block = current();
        if (complete_) {
            block.push_back({.line = token.line, .words = {}, .block = {}});
            complete_ = false;
        }
        block.back().words.push_back(std::move(token.text));
    }
    Result<void> open(std::size_t line) {
        auto& block = current();
        if (block.empty() || !block.back().block.empty()) {
            return fail(ErrorCode::invalid, "the brace belongs to nothing", fmt::format("{}", line));
        }
        opened_.push_back(line);
        complete_ = true;
        return {};
    }
    Result<void> close(std::size_t line) {
        if (opened_.empty()) {
            return fail(ErrorCode::invalid, "the brace closes nothing", fmt::format("{}", line));
        }
        opened_.pop_back();
        complete_ = true;
        return {};
    }

    std::vector<Statement> top_;
    std::vector<std::size_t> opened_; // lines
    bool complete_ = true;            // the next word begins a statement
};

} // namespace

std::string Statement::text() const {
    return fmt::format("{}", fmt::join(words, " "));
}

const Statement* Statement::find(std::string_view wanted) const {
    const auto found = std::ranges::find_if(block, [&](const Statement& one) { return one.name() == wanted; });
    return found == block.end() ? nullptr : &*found;
}

Result<std::vector<Statement>> parse_keepalived(std::string_view text) {
    auto tokens = tokens_of(text);
    if (!tokens) {
        return std::unexpected(std::move(tokens.error()));
    }
    Builder builder;
    for (Token& token : *tokens) {
        if (auto taken = builder.take(std::move(token)); !taken) {
            return std::unexpected(std::move(taken.error()));
        }
    }
    return builder.finish();
}

} // namespace proxip::cli::convert
