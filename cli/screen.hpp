#pragma once

// A terminal that a command has to itself. An interface, so that tests can play one.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/config.hpp"

namespace proxip::cli {

class Screen {
  public:
    struct Size {
        std::size_t columns = 80;
        std::size_t rows = 24;
    };

    virtual ~Screen() = default;
    [[nodiscard]] virtual Size size() const = 0;
    virtual void draw(const std::string& text) = 0; // lines that do not fit are cut
    // A key that was pressed; none when `wait` is over or the size has changed.
    [[nodiscard]] virtual std::optional<char> key(Millis wait) = 0;
};

// The terminal of standard input and output; null when they are none. What it showed before comes back when this ends,
// also by a signal.
[[nodiscard]] std::unique_ptr<Screen> open_terminal();

// The beginning of a line of text, so many characters long.
[[nodiscard]] std::string_view clipped(std::string_view line, std::size_t columns);

} // namespace proxip::cli
