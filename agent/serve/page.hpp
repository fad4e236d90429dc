#pragma once

// The status page's files (agent/serve/page/), as they were when this was built.

#include <optional>
#include <span>
#include <string_view>

#include "serve/web_server.hpp"

namespace proxip::serve {

struct PageFile {
    std::string_view name;
    std::string_view text;
};

[[nodiscard]] std::span<const PageFile> page_files(); // made by page/embed.cmake

// "/" and "/index.html", "/page.css", …; none: there is no such file.
[[nodiscard]] std::optional<WebAnswer> page_answer(std::string_view path);

} // namespace proxip::serve
