#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include "model/reader.hpp"
#include "model/source.hpp"
#include "model/text.hpp"

namespace proxip {

namespace {

using nlohmann::json;

// "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error ..." -> "syntax error ..."
std::string_view essence(std::string_view message) {
    const std::size_t place = message.find("parse error at ");
    const std::size_t colon = place == std::string_view::npos ? place : message.find(": ", place);
    return colon == std::string_view::npos ? message : message.substr(colon + 2);
}

// Builds the value as the library would, but refuses a key that comes twice and what is nested too deep.
class Builder final : public nlohmann::json_sax<json> {
  public:
    explicit Builder(std::string_view text) : text_(text) {}

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(number_integer_t value) override { return add(value); }
    bool number_unsigned(number_unsigned_t value) override { return add(value); }
    bool number_float(number_float_t value, const string_t& /*text*/) override { return add(value); }
    bool string(string_t& value) override { return add(std::move(value)); }
    bool binary(binary_t& value) override { return add(std::move(value)); }
    bool start_object(std::size_t /*elements*/) override { return open(json::object()); }
    bool start_array(std::size_t /*elements*/) override { return open(json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(string_t& name) override {
        if (open_.back()->contains(name)) {
            const std::vector<Step> steps = way(name);
            fault_ = SyntaxFault{.message = "this key stands twice in one object, expected once",
                                 .position = std::nullopt,
                                 .path = path_text(root_, steps)};
            return false;
        }
        key_ = std::move(name);
        return true;
    }

    bool parse_error(std::size_t offset, const std::string& /*token*/,
                     const nlohmann::detail::exception& error) override {
        fault_ = SyntaxFault{.message = printable(essence(error.what())), .position = position(offset), .path = {}};
        return false;
    }

    [[nodiscard]] Parsed finish(bool complete);

  private:
    template <typename Value>
    bool add(Value&& value) {
        place(json(std::forward<Value>(value)));
        return true;
    }

    json* place(json value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        json& outer = *open_.back();
        if (outer.is_array()) {
            outer.push_back(std::move(value));
            return &outer.back();
        }
        return &outer.emplace(std::move(key_), std::move(value)).first.value();
    }

    bool open(json container) {
        if (open_.size() >= max_depth) {
            fault_ =
                SyntaxFault{.message = fmt::format("found values nested more than {} deep, expected fewer", max_depth),
                            .position = std::nullopt,
                            .path = {}};
            return false;
        }
        keys_.push_back(key_);
        open_.push_back(place(std::move(container)));
        return true;
    }

    bool close() {
        open_.pop_back();
        keys_.pop_back();
        return true;
    }

    // The steps from the root to the key `name` of the innermost object.
    [[nodiscard]] std::vector<Step> way(const std::string& name) const {
        std::vector<Step> steps;
        for (std::size_t i = 1; i < open_.size(); ++i) {
            if (open_[i - 1]->is_array()) {
                steps.emplace_back(open_[i - 1]->size() - 1);
            } else {
                steps.emplace_back(keys_[i]);
            }
        }
        steps.emplace_back(name);
        return steps;
    }

    [[nodiscard]] Position position(std::size_t offset) const {
        const std::string_view before =
            text_.substr(0, offset > 0 ? offset - 1 : 0); // the offset is one beyond the fault
        const auto lines = std::ranges::count(before, '\n');
        const std::size_t line_start = before.rfind('\n') + 1; // npos + 1 is 0
        return {.line = static_cast<std::uint32_t>(lines + 1),
                .column = static_cast<std::uint32_t>(before.size() - line_start + 1)};
    }

    std::string_view text_;
    json root_;
    std::vector<json*> open_; // from the root to the innermost container; each is the last element of the one before
    std::vector<std::string> keys_; // the key under which each was opened
    std::string key_;
    SyntaxFault fault_;
};

class JsonText final : public SourceText {
  public:
    explicit JsonText(json value) : value_(std::move(value)) {}
    [[nodiscard]] const json& value() const override { return value_; }
    [[nodiscard]] std::optional<Position> locate(const std::vector<Step>& /*steps*/, bool /*at_key*/) const override {
        return std::nullopt; // the parser keeps no places
    }

  private:
    json value_;
};

Parsed Builder::finish(bool complete) {
    if (!complete) {
        return std::unexpected(std::move(fault_));
    }
    return std::make_unique<JsonText>(std::move(root_));
}

} // namespace

Parsed parse_json(std::string_view text) {
    try {
        Builder builder{text};
        const bool complete = json::sax_parse(text, &builder);
        return builder.finish(complete);
    } catch (const std::exception& error) {
        return std::unexpected(SyntaxFault{.message = printable(error.what()), .position = std::nullopt, .path = {}});
    }
}

} // namespace proxip
