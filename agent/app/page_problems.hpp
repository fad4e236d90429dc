#pragma once

// What is wrong, the worst first, and within that in the order of the configuration.

#include "app/controller.hpp"
#include "app/page_view.hpp"
#include "app/pressure_watch.hpp"
#include "app/views.hpp"

namespace proxip::app {

struct ProblemSources {
    const Controller& controller;
    const Views& views;
    const Neighbourhood& neighbourhood;
    const PressureWatch& pressure;
    const policy::History& history;
};

[[nodiscard]] Problems find_problems(const ProblemSources& sources, const api::Status& status,
                                     const std::vector<PageView::Drop>& drops);

// Drops of those who wanted a connection and got none, and of connections that work otherwise. The others (what is not
// for us, strays, malformed frames) grow on every host that faces the Internet, and are no problem of it.
[[nodiscard]] bool refuses(std::string_view reason);

} // namespace proxip::app
