// A look over TOML before toml++ 3.3 parses it. That parser recurses as deep as a dotted key has parts when it frees
// its tables, and looks tables up in lists that grow with the file: a hostile text of a few megabytes would overrun the
// stack or take hours. The schema needs neither, so both are bounded here. Quotes and comments are told apart as TOML
// does; what is not closed is left for the parser to refuse.

#include <algorithm>

#include <fmt/format.h>

#include "model/source.hpp"

namespace proxip {

namespace {

constexpr std::size_t max_dots_in_line = max_depth;
constexpr std::size_t max_dots = 65536;    // dotted keys in all
constexpr std::size_t max_headers = 65536; // [tables] and [[tables]]: more than limits:: has services and backends

bool is_control(char character) {
    return (character >= '\0' && character < ' ' && character != '\t' && character != '\n' && character != '\r') ||
           character == '\x7f';
}

class Guard {
  public:
    explicit Guard(std::string_view text) : text_(text) {}

    std::optional<SyntaxFault> run() {
        // Nothing is parsed from a control character on: that one is the parser's to refuse, and it says so better.
        while (at_ < text_.size() && !fault_ && !is_control(text_[at_])) {
            step();
        }
        return std::move(fault_);
    }

  private:
    void step() {
        const char character = text_[at_];
        if (character == '\n') {
            new_line();
        } else if (character == '"' || character == '\'') {
            skip_string(character);
        } else if (character == '#') {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else {
            count(character);
            ++at_;
        }
    }

    void new_line() {
        ++at_;
        ++line_;
        dots_in_line_ = 0;
        blank_ = true;
        header_ = false;
    }

    void count(char character) {
        if (character == '[' && blank_) {
            header_ = true;
            ++headers_;
        }
        blank_ = blank_ && (character == ' ' || character == '\t');
        if (character == '.') {
            ++dots_in_line_;
            dots_ += header_ ? 0 : 1;
        }
        if (dots_in_line_ > max_dots_in_line) {
            refuse(fmt::format("found a key of more than {} parts, expected fewer", max_dots_in_line));
        } else if (dots_ > max_dots) {
            refuse(fmt::format("found more than {} dotted keys, expected tables such as [service.check]", max_dots));
        } else if (headers_ > max_headers) {
            refuse(fmt::format("found more than {} tables, expected fewer", max_headers));
        }
    }

    void refuse(std::string message) {
        fault_ =
            SyntaxFault{.message = std::move(message), .position = Position{.line = line_, .column = 1}, .path = {}};
    }

    void skip_string(char delimiter) {
        blank_ = false;
        const std::string triple(3, delimiter);
        if (text_.substr(at_).starts_with(triple)) {
            skip_multiline(delimiter, triple);
            return;
        }
        for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
            if (text_[at_] == delimiter) {
                ++at_;
                return;
            }
            at_ += delimiter == '"' && text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n' ? 1 : 0;
        }
    }

    void skip_multiline(char delimiter, const std::string& triple) {
        for (at_ += 3; at_ < text_.size(); ++at_) {
            if (text_.substr(at_).starts_with(triple)) {
                at_ += 3;
                for (int extra = 0; extra < 2 && at_ < text_.size() && text_[at_] == delimiter; ++extra) {
                    ++at_; // up to two quotes may stand before the closing three
                }
                return;
            }
            line_ += text_[at_] == '\n' ? 1 : 0;
            const bool escape = delimiter == '"' && text_[at_] == '\\' && at_ + 1 < text_.size();
            if (escape) {
                ++at_;
                line_ += text_[at_] == '\n' ? 1 : 0;
            }
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::uint32_t line_ = 1;
    std::size_t dots_in_line_ = 0;
    std::size_t dots_ = 0;
    std::size_t headers_ = 0;
    bool blank_ = true;   // nothing but blanks so far in this line
    bool header_ = false; // this line starts with '['
    std::optional<SyntaxFault> fault_;
};

} // namespace

std::optional<SyntaxFault> toml_guard(std::string_view text) {
    return Guard{text}.run();
}

} // namespace proxip
