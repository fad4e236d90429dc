#include "serve/page.hpp"

#include <algorithm>
#include <string>

namespace proxip::serve {

namespace {

std::string_view type_of(std::string_view name) {
    if (name.ends_with(".html")) {
        return "text/html; charset=utf-8";
    }
    if (name.ends_with(".css")) {
        return "text/css; charset=utf-8";
    }
    return name.ends_with(".js") ? "text/javascript; charset=utf-8" : "image/svg+xml";
}

} // namespace

std::optional<WebAnswer> page_answer(std::string_view path) {
    if (!path.starts_with('/')) {
        return std::nullopt;
    }
    const std::string_view name = path == "/" ? "index.html" : path.substr(1);
    const auto files = page_files();
    const auto file = std::ranges::find(files, name, &PageFile::name);
    if (file == files.end()) {
        return std::nullopt;
    }
    return WebAnswer{.type = std::string(type_of(name)), .body = std::string(file->text)};
}

} // namespace proxip::serve
