#pragma once

// What did not translate, or became something else: each thing once, with its lines.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace proxip::cli::convert {

class Notes {
  public:
    void add(std::size_t line, std::string text); // line 0: of the whole file
    // "FILE:12: lb_kind DR: … (also lines 40 and 77)", in order of the first line.
    [[nodiscard]] std::string text(const std::string& file) const;
    [[nodiscard]] bool empty() const { return notes_.empty(); }

  private:
    std::vector<std::pair<std::string, std::vector<std::size_t>>> notes_;
};

} // namespace proxip::cli::convert
