// Completion scripts, made from the tree of commands: what the tree knows is offered, and nothing else is.

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/App.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/command.hpp"
#include "cli/tree.hpp"
#include "cli/values.hpp"

namespace proxip::cli {
namespace completion {
namespace {

struct Word {
    std::string text;
    std::string help;
};

struct Place {        // a command of the tree, and what may follow it
    std::string path; // "service add"; "" for the root
    std::vector<Word> words;
    std::vector<Word> options;
};

void put_options(const CLI::App& app, std::vector<Word>& words) {
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) {
            words.push_back({fmt::format("--{}", name), option->get_description()});
        }
        for (const auto& name : option->get_snames()) {
            words.push_back({fmt::format("-{}", name), option->get_description()});
        }
    }
}

void walk(const CLI::App& app, const std::string& path, std::vector<Place>& places) {
    Place place{path, {}, {}};
    put_options(app, place.options);
    const auto inner = app.get_subcommands([](const CLI::App*) { return true; });
    for (const auto* next : inner) {
        place.words.push_back({next->get_name(), next->get_description()});
    }
    places.push_back(std::move(place));
    for (const auto* next : inner) {
        walk(*next, path.empty() ? next->get_name() : path + " " + next->get_name(), places);
    }
}

std::string joined(const std::vector<Word>& words) {
    std::vector<std::string_view> texts;
    texts.reserve(words.size());
    for (const auto& word : words) {
        texts.push_back(word.text);
    }
    return fmt::format("{}", fmt::join(texts, " "));
}

// The branches of a shell's `case`: path -> its words and options.
std::string branches(const std::vector<Place>& places) {
    std::string text;
    for (const auto& place : places) {
        text += fmt::format("        '{}') known='{}'; flags='{}' ;;\n", place.path, joined(place.words),
                            joined(place.options));
    }
    return text;
}

// In both shells the place is made of those words that are a command there: so options and their values do not count.
constexpr auto bash_script = R"(_lbctl() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" path='' known='' flags='' i
    case "$previous" in
        -o|--output) COMPREPLY=($(compgen -W 'table wide json' -- "$current")); return ;;
        -f|--file|--socket) COMPREPLY=($(compgen -f -- "$current")); return ;;
    esac
    for ((i = 1; i <= COMP_CWORD; i++)); do
        _lbctl_words "$path"
        case " $known " in *" ${{COMP_WORDS[i]}} "*) [ "$i" -lt "$COMP_CWORD" ] && path="${{path:+$path }}${{COMP_WORDS[i]}}" ;; esac
    done
    _lbctl_words "$path"
    case "$current" in
        -*) COMPREPLY=($(compgen -W "$flags {0}" -- "$current")) ;;
        *) COMPREPLY=($(compgen -W "$known" -- "$current")) ;;
    esac
}}
_lbctl_words() {{
    case "$1" in
{1}    esac
}}
complete -F _lbctl lbctl
)";

constexpr auto zsh_script = R"(#compdef lbctl
_lbctl_words() {{
    case "$1" in
{1}    esac
}}
_lbctl() {{
    local typed=("${{words[@]}}") at=$CURRENT place='' known='' flags='' i
    case "${{typed[at-1]}}" in
        -o|--output) compadd table wide json; return ;;
        -f|--file|--socket) _files; return ;;
    esac
    for ((i = 2; i < at; i++)); do
        _lbctl_words "$place"
        [[ " $known " == *" ${{typed[i]}} "* ]] && place="${{place:+$place }}${{typed[i]}}"
    done
    _lbctl_words "$place"
    if [[ "${{typed[at]}}" == -* ]]; then
        compadd -- ${{=flags}} {0}
    else
        compadd -- ${{=known}}
    fi
}}
if [ "$funcstack[1]" = "_lbctl" ]; then _lbctl "$@"; else compdef _lbctl lbctl; fi
)";

std::string fish_quoted(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') {
            quoted += '\\';
        }
        quoted += c;
    }
    return quoted + "'";
}

std::string fish_option(const Word& option) {
    return option.text.starts_with("--") ? "-l " + option.text.substr(2) : "-s " + option.text.substr(1);
}

std::string fish_script(const std::vector<Place>& places) {
    std::string paths;
    std::string lines;
    for (const auto& place : places) {
        paths += (place.path.empty() ? "" : " " + fish_quoted(place.path));
        const auto here =
            fmt::format("complete -c lbctl -n {}", fish_quoted("test (__lbctl_path) = " + fish_quoted(place.path)));
        for (const auto& word : place.words) {
            lines += fmt::format("{} -a {} -d {}\n", here, word.text, fish_quoted(word.help));
        }
        for (const auto& option : place.options) {
            // The root's options are known everywhere.
            lines += fmt::format("{} {} -d {}\n", place.path.empty() ? "complete -c lbctl" : here, fish_option(option),
                                 fish_quoted(option.help));
        }
    }
    return fmt::format(R"(function __lbctl_path
    set -l path
    for word in (commandline -opc)[2..-1]
        set -l longer (string join ' ' $path $word)
        contains -- $longer{} && set path $longer
    end
    echo "$path"
end
complete -c lbctl -f
{}complete -c lbctl -s o -l output -x -a 'table wide json'
complete -c lbctl -s f -l file -r -F
complete -c lbctl -l socket -r -F
)",
                       paths, lines);
}

Result<Action> build_completion(const CLI::App& root, const std::string& shell) {
    std::vector<Place> places;
    walk(root, "", places);
    if (shell == "bash") {
        return Print{fmt::format(bash_script, joined(places.front().options), branches(places))};
    }
    if (shell == "zsh") {
        return Print{fmt::format(zsh_script, joined(places.front().options), branches(places))};
    }
    if (shell == "fish") {
        return Print{fish_script(places)};
    }
    return usage(fmt::format("'{}': expected bash, zsh or fish", shell), "shell");
}

Build declare_completion(CLI::App& app) {
    const auto shell = std::make_shared<std::string>();
    app.add_option("shell", *shell, "bash, zsh or fish")->required();
    return [shell, &app](const Inputs&) { return build_completion(*app.get_parent(), *shell); };
}

constexpr std::array commands{
    Command{"", "completion", "A completion script for a shell", declare_completion},
};

} // namespace
} // namespace completion

std::span<const Command> shell_commands() {
    return completion::commands;
}

} // namespace proxip::cli
