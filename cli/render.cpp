#include "cli/render.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "api/version.hpp"
#include "model/doctor_check.hpp"

namespace proxip::cli {
namespace {

using Json = nlohmann::json;

std::string json_text(const Json& value) {
    return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string as_json(const api::Answer& answer) {
    if (const auto* dump = std::get_if<api::Dump>(&answer)) { // it is JSON already: the configuration itself
        return dump->text.ends_with('\n') ? dump->text : dump->text + "\n";
    }
    auto value = api::encode(answer);
    if (std::holds_alternative<api::Version>(answer)) {
        value["client"] = api::version();
    }
    return json_text(value);
}

struct ToText {
    const api::Request& request;
    bool wide;

    std::string operator()(const api::Version& it) const { return text_of(it); }
    std::string operator()(const api::Status& it) const { return text_of(it); }
    std::string operator()(const std::vector<api::StatsView>& it) const { return text_of(it); }
    std::string operator()(const api::Explain& it) const { return text_of(it); }
    std::string operator()(const api::Doctor& it) const { return text_of(it); }
    std::string operator()(const api::Ended& it) const { return text_of(it); }
    std::string operator()(const api::Dump& it) const { return it.text; }
    std::string operator()(const api::Plan& it) const { return text_of(request, it); }
    // top.cpp makes rates of two of them, and follow.cpp shows what comes after it.
    std::string operator()(const api::Top& /*it*/) const { return {}; }
    std::string operator()(const api::Following& /*it*/) const { return {}; }
    template <typename T>
    std::string operator()(const T& it) const {
        return text_of(it, wide);
    }
};

std::string warnings_note(const std::vector<std::string>& warnings) {
    std::string note;
    for (const auto& warning : warnings) {
        note += fmt::format("lbctl: warning: {}\n", warning);
    }
    return note;
}

std::string note_of(const api::Request& request, const api::Answer& answer) {
    if (const auto* plan = std::get_if<api::Plan>(&answer)) {
        return warnings_note(plan->warnings);
    }
    if (const auto* doctor = std::get_if<api::Doctor>(&answer)) {
        return doctor->findings.empty() ? fmt::format("lbctl: {} checks, nothing is wrong\n", doctor->ok.size()) : "";
    }
    const auto* whois = std::get_if<api::WhoisRequest>(&request);
    const auto* sessions = std::get_if<std::vector<api::WhoisView>>(&answer);
    if (whois != nullptr && sessions != nullptr && whois->limit != 0 && sessions->size() >= whois->limit) {
        return fmt::format("lbctl: only the newest {}: --limit 0 shows all\n", whois->limit);
    }
    const auto* show = std::get_if<api::ConnShow>(&request);
    const auto* connections = std::get_if<std::vector<api::ConnView>>(&answer);
    if (show != nullptr && connections != nullptr && show->limit != 0 && connections->size() >= show->limit) {
        return fmt::format("lbctl: only the first {}: --limit 0 shows all\n", show->limit);
    }
    return {};
}

} // namespace

Rendered render(const api::Request& request, const api::Answer& answer, Output output) {
    if (output == Output::json) {
        return {as_json(answer), {}}; // warnings are in it
    }
    return {std::visit(ToText{request, output == Output::wide}, answer), note_of(request, answer)};
}

std::string render(const Error& error, Output output) {
    return output == Output::json
               ? Json{{"error", api::encode(error)}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"
               : fmt::format("lbctl: {}\n", error.text());
}

int exit_code(const api::Request& request, const api::Answer& answer) {
    constexpr int wrong = 1;
    constexpr int difference = 6;
    if (const auto* doctor = std::get_if<api::Doctor>(&answer)) {
        const auto& found = doctor->findings;
        return std::ranges::find(found, name_of(Severity::error), &api::Finding::severity) == found.end() ? 0 : wrong;
    }
    const auto* plan = std::get_if<api::Plan>(&answer);
    return std::holds_alternative<api::DiffRequest>(request) && plan != nullptr && !plan->changes.empty() ? difference
                                                                                                          : 0;
}

} // namespace proxip::cli
