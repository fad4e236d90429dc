#include "option_terms.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace proxip::man {
namespace {

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

bool takes_value(const CLI::Option& option) {
    return option.get_items_expected_max() > 0 && option.get_type_size() != 0;
}

// The form of its value: what the definition says, else what kind it is.
std::string form_of(const CLI::Option& option) {
    const auto& told = option.get_option_text();
    return told.empty() ? option.get_type_name() : told;
}

std::string tag_of(const CLI::Option& option) {
    std::vector<std::string> names;
    for (const auto& name : option.get_snames()) {
        names.push_back(bold("-" + name));
    }
    for (const auto& name : option.get_lnames()) {
        names.push_back(bold("--" + name));
    }
    const std::string value = takes_value(option) ? " " + italic(form_of(option)) : "";
    return fmt::format("{}{}", fmt::join(names, ", "), value);
}

std::string body_of(const CLI::Option& option) {
    std::string body = plain(option.get_description());
    if (const auto& value = option.get_default_str(); !value.empty() && value != "false") {
        body += fmt::format(" (default: {})", bold(value));
    }
    return body;
}

std::string positional(const CLI::Option& option) {
    const std::string told = option.get_option_text();
    const std::string name = italic(told.empty() ? upper(option.get_name(true)) : told);
    const std::string many = option.get_items_expected_max() > 1 ? "..." : "";
    return option.get_required() ? name + many : "[" + name + many + "]";
}

bool is_help(const CLI::Option& option) {
    return option.check_lname("help");
}

} // namespace

std::string synopsis_of(const CLI::App& app) {
    std::string text;
    bool more = false;
    for (const auto* option : app.get_options()) {
        if (option->get_positional()) {
            text += " " + positional(*option);
        } else if (option->get_required()) {
            const auto& names = option->get_lnames();
            text += " " + bold(names.empty() ? "-" + option->get_snames().front() : "--" + names.front());
            text += takes_value(*option) ? " " + italic(form_of(*option)) : "";
        } else {
            more = more || !is_help(*option);
        }
    }
    return text + (more ? " [" + italic("OPTION") + "...]" : "");
}

void add_options(Page& page, const CLI::App& app, bool all) {
    for (const auto* option : app.get_options()) {
        if (option->get_positional()) {
            if (!option->get_description().empty()) {
                page.term(positional(*option), body_of(*option));
            }
        } else if (all || !is_help(*option)) {
            page.term(tag_of(*option), body_of(*option));
        }
    }
}

} // namespace proxip::man
