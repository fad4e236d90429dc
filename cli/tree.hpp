#pragma once

// The command line as a CLI11 tree, made from the table of commands.

#include <map>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "cli/command.hpp"
#include "cli/values.hpp"

namespace proxip::cli {

class Tree {
  public:
    // With a noun: only its commands, which is all that a line needs that begins with it. A batch has many lines.
    explicit Tree(std::string_view only = {});
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    struct TypedGlobals {
        Text socket, output, timeout;
    };

    // Throws CLI::ParseError (and only that), as CLI11 does: parse.cpp turns it into an answer or an error.
    void parse(std::vector<std::string> args);
    [[nodiscard]] const TypedGlobals& globals() const { return globals_; }
    [[nodiscard]] const CLI::App& root() const { return root_; }
    [[nodiscard]] const CLI::App& chosen() const; // the innermost command that was typed
    [[nodiscard]] Result<Action> build(const Inputs& inputs) const;

  private:
    void add(const Command& command);
    CLI::App& noun(std::string_view name);

    CLI::App root_;
    TypedGlobals globals_;
    std::map<const CLI::App*, Build> builds_;
};

// "lbctl service add"
[[nodiscard]] std::string full_name(const CLI::App& app);

} // namespace proxip::cli
