#pragma once

// Rows and columns as aligned text (libsmartcols), the same on a terminal and in a pipe: nothing is cut off.

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

struct libscols_table;

namespace proxip::cli {

enum class Align { left, right };

struct Column {
    const char* name;
    Align align = Align::left;
};

class Table {
  public:
    explicit Table(const std::vector<Column>& columns);

    void row(const std::vector<std::string>& cells); // as many as there are columns; an empty one is shown as "-"
    [[nodiscard]] std::string text() const;          // the header line is always there

  private:
    struct Unref {
        void operator()(libscols_table* table) const;
    };
    std::unique_ptr<libscols_table, Unref> table_;
};

} // namespace proxip::cli
