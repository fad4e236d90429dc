#pragma once

// man(7) source, piece by piece.

#include <functional>
#include <string>
#include <string_view>

namespace proxip::man {

// Text as roff takes it: nothing in it is a request or an escape.
[[nodiscard]] std::string plain(std::string_view text);
[[nodiscard]] std::string bold(std::string_view text);
[[nodiscard]] std::string italic(std::string_view text);
// Plain text in which `code` is bold, and [text](link) its text.
[[nodiscard]] std::string inline_markdown(std::string_view text);

struct Title {
    std::string name; // "lbctl"
    std::string section;
    std::string summary;
    std::string date; // YYYY-MM-DD
    std::string version;
};

class Page {
  public:
    explicit Page(const Title& title);

    // These take roff: what plain(), bold(), italic() and inline_markdown() give.
    Page& section(std::string_view heading);
    Page& subsection(std::string_view heading);
    Page& paragraph(std::string_view roff);
    Page& term(std::string_view tag, std::string_view body);
    Page& indented(const std::function<void(Page&)>& inside); // what it adds stands a step to the right
    // As it stands.
    Page& verbatim(std::string_view text);

    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
    bool after_heading_ = false; // a paragraph that follows one needs no request of its own
};

} // namespace proxip::man
