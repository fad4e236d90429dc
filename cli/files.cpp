#include "cli/files.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/utf8.hpp"
#include "model/config.hpp"

namespace proxip::cli {
namespace {

Result<void> check_text(const std::string& text, const std::string& source) {
    if (text.size() > limits::max_config_bytes) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} bytes: expected at most {}", text.size(), limits::max_config_bytes), source);
    }
    const auto good = utf8_prefix(text);
    if (good == text.size()) {
        return {};
    }
    const auto before = std::string_view{text}.substr(0, good);
    const auto line = 1 + std::ranges::count(before, '\n');
    const auto column = good - (before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1) + 1;
    return fail(
        ErrorCode::invalid,
        fmt::format("byte 0x{:02x} is not UTF-8: expected TOML or JSON text", static_cast<unsigned char>(text[good])),
        fmt::format("{}:{}:{}", source, line, column));
}

} // namespace

Result<std::string> load_text(const Inputs& inputs, const std::string& file) {
    auto text = inputs.read(file);
    if (!text) {
        return text;
    }
    if (auto checked = check_text(*text, file); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    return text;
}

} // namespace proxip::cli
