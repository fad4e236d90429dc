#pragma once

// A report of lbctl top as text: pure.

#include <string>

#include "cli/rates.hpp"
#include "cli/screen.hpp"

namespace proxip::cli {

// Everything, for a pipe. `wide`: reasons and pools at 0 too.
[[nodiscard]] std::string text_of(const TopReport& report, bool wide);

struct TopPage {
    TopSort sort = TopSort::bits;
    bool backends = true;
    std::string trouble; // why the report is not of now
};
// As much of it as the screen has room for: what is most first.
[[nodiscard]] std::string page_of(const TopReport& report, const TopPage& page, Screen::Size size);

[[nodiscard]] std::string_view sort_name(TopSort sort);

} // namespace proxip::cli
