#pragma once

// Options of a CLI11 command as roff.

#include <string>

#include <CLI/App.hpp>

#include "roff.hpp"

namespace proxip::man {

// "NAME ADDRESS... [--weight N] ..."; options that have a term of their own are "[OPTION...]".
[[nodiscard]] std::string synopsis_of(const CLI::App& app);
// A term for each; those that every command has (--help) are left out unless `all`.
void add_options(Page& page, const CLI::App& app, bool all);

} // namespace proxip::man
