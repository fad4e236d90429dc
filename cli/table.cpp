#include "cli/table.hpp"

#include <cstdlib>
#include <new>

#include <libsmartcols.h>

namespace proxip::cli {
namespace {

// libsmartcols fails only for want of memory, the way that we use it.
void must(bool worked) {
    if (!worked) {
        throw std::bad_alloc();
    }
}

struct Free {
    void operator()(char* text) const {
        std::free(text);
    } // NOLINT(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory)
};

} // namespace

void Table::Unref::operator()(libscols_table* table) const {
    scols_unref_table(table);
}

Table::Table(const std::vector<Column>& columns) : table_(scols_new_table()) {
    must(table_ != nullptr);
    scols_table_set_termforce(table_.get(), SCOLS_TERMFORCE_NEVER);
    scols_table_set_column_separator(table_.get(), "  ");
    for (const auto& column : columns) {
        must(scols_table_new_column(table_.get(), column.name, 0, column.align == Align::right ? SCOLS_FL_RIGHT : 0) !=
             nullptr);
    }
}

void Table::row(const std::vector<std::string>& cells) {
    libscols_line* line = scols_table_new_line(table_.get(), nullptr);
    must(line != nullptr);
    for (std::size_t i = 0; i < cells.size(); ++i) {
        must(scols_line_set_data(line, i, cells[i].empty() ? "-" : cells[i].c_str()) == 0);
    }
}

std::string Table::text() const {
    char* raw = nullptr;
    if (scols_table_is_empty(table_.get()) != 0) { // it prints no header then
        std::string header;
        for (std::size_t i = 0; i < scols_table_get_ncols(table_.get()); ++i) {
            const auto* cell = scols_column_get_header(scols_table_get_column(table_.get(), i));
            header += (header.empty() ? "" : "  ") + std::string{scols_cell_get_data(cell)};
        }
        return header + "\n";
    }
    must(scols_print_table_to_string(table_.get(), &raw) == 0);
    const std::unique_ptr<char, Free> text(raw);
    return std::string{text.get()} + "\n";
}

} // namespace proxip::cli
