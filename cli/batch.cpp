#include "cli/batch.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/parse.hpp"

namespace proxip::cli {
namespace {

bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

// One line, letter by letter.
class Splitter {
  public:
    Result<std::vector<std::string>> run(std::string_view line) {
        for (const char c : line) {
            if (escaped_) {
                put(c);
                escaped_ = false;
            } else if (c == '\\' && quote_ != '\'') {
                escaped_ = true;
            } else if (quote_ != 0) {
                quoted(c);
            } else if (c == '#' && !word_) {
                break;
            } else {
                plain(c);
            }
        }
        if (quote_ != 0 || escaped_) {
            return fail(ErrorCode::invalid,
                        quote_ != 0 ? fmt::format("the quote {} is not closed", quote_) : "a backslash ends the line");
        }
        end();
        return std::move(words_);
    }

  private:
    void put(char c) { word_ = word_.value_or("") + c; }
    void quoted(char c) {
        if (c == quote_) {
            quote_ = 0;
        } else {
            put(c);
        }
    }
    void plain(char c) {
        if (c == '"' || c == '\'') {
            quote_ = c;
            word_ = word_.value_or(""); // "" is a word too
        } else if (blank(c)) {
            end();
        } else {
            put(c);
        }
    }
    void end() {
        if (word_) {
            words_.push_back(std::move(*word_));
            word_.reset();
        }
    }

    std::vector<std::string> words_;
    std::optional<std::string> word_;
    char quote_ = 0;
    bool escaped_ = false;
};

Result<std::string> no_file(const std::string& name) {
    return fail(ErrorCode::invalid, "a line of a batch reads no file", name);
}

bool any_global(const Globals& globals) {
    const Globals usual;
    return globals.socket != usual.socket || globals.output != usual.output || globals.timeout != usual.timeout;
}

Result<api::Edit> edit_of_line(const std::vector<std::string>& words) {
    auto parsed = parse(words, {.socket = {}, .read = no_file});
    if (!parsed.action) {
        parsed.action.error().code = ErrorCode::invalid;
        return std::unexpected(std::move(parsed.action.error()));
    }
    auto* call = std::get_if<Call>(&*parsed.action);
    if (call != nullptr && std::holds_alternative<api::Batch>(call->request)) {
        return fail(ErrorCode::invalid, "--dry-run and --if-generation are for the batch as a whole, not for a line");
    }
    auto edit = call == nullptr ? std::nullopt : api::edit_of(call->request);
    if (!edit) {
        return fail(ErrorCode::invalid,
                    fmt::format("'{}' is no change: expected one of services, backends, servers or pools",
                                fmt::join(words, " ")));
    }
    if (call->wait) {
        return fail(ErrorCode::invalid, "a batch is done at once: expected no --wait");
    }
    if (any_global(parsed.globals)) {
        return fail(ErrorCode::invalid,
                    "--socket, --output and --timeout are for the batch as a whole, not for a line");
    }
    return std::move(*edit);
}

std::unexpected<Error> placed(Error error, const std::string& place) {
    error.path = error.path.empty() ? place : place + ": " + error.path;
    return std::unexpected(std::move(error));
}

} // namespace

Result<std::vector<std::string>> split_words(std::string_view line) {
    return Splitter().run(line);
}

Result<api::Batch> parse_batch(std::string_view text, const std::string& source) {
    api::Batch batch;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        const auto place = fmt::format("{}:{}", source, number);
        auto words = split_words(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (!words) {
            return placed(std::move(words.error()), place);
        }
        if (!words->empty() && words->front() == "lbctl") {
            words->erase(words->begin());
        }
        if (words->empty()) {
            continue;
        }
        auto edit = edit_of_line(*words);
        if (!edit) {
            return placed(std::move(edit.error()), place);
        }
        batch.steps.push_back({.edit = std::move(*edit), .place = place});
    }
    return batch;
}

} // namespace proxip::cli
