// parse_config: the way in for a whole configuration as a user wrote it.

#include <fmt/format.h>

#include "model/codec.hpp"
#include "model/decode.hpp"
#include "model/reader.hpp"
#include "model/source.hpp"
#include "model/text.hpp"

namespace proxip {

namespace {

std::unexpected<Error> fail_at(std::string_view source, std::optional<Position> position, std::string message,
                               std::string_view path) {
    std::string place = printable(source);
    if (position && position->line > 0) {
        place += fmt::format(":{}:{}", position->line, position->column);
    }
    if (!path.empty()) {
        place += fmt::format(": {}", path);
    }
    return fail(ErrorCode::invalid, std::move(message), std::move(place));
}

Result<Config> to_config(const SourceText& text, std::string_view source) {
    std::expected<Config, Misfit> config = decode_config(text.value());
    if (!config) {
        const Misfit& misfit = config.error();
        return fail_at(source, text.locate(misfit.where, misfit.at_key), misfit.message,
                       path_text(text.value(), misfit.where));
    }
    if (const auto finding = find_fault(*config)) {
        return fail_at(source, text.locate(finding->misfit.where, false), finding->misfit.message, finding->path);
    }
    return std::move(*config);
}

} // namespace

Result<Config> parse_config(std::string_view text, std::string_view source) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.starts_with(byte_order_mark)) {
        text.remove_prefix(byte_order_mark.size());
    }
    if (text.size() > limits::max_config_bytes) {
        return fail_at(
            source, std::nullopt,
            fmt::format("found {} bytes, expected at most {}", text.size(), bytes_text(limits::max_config_bytes)), {});
    }
    const std::size_t start = text.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) {
        return fail_at(source, std::nullopt, "found nothing, expected a configuration in TOML or JSON", {});
    }
    const Parsed parsed = text[start] == '{' ? parse_json(text) : parse_toml(text);
    if (!parsed) {
        return fail_at(source, parsed.error().position, parsed.error().message, parsed.error().path);
    }
    return to_config(**parsed, source);
}

} // namespace proxip
