#pragma once

// What the status page shows, and its JSON (/status.json). The shape is versioned by "format": keys may be added to a
// format, and a change of what there is makes the next one. Bounded: see the limits here and in status_page.hpp.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/messages.hpp"
#include "app/page_query.hpp"
#include "policy/history.hpp"

namespace proxip::app {

inline constexpr unsigned page_format = 1;
inline constexpr std::size_t most_problems = 50;

enum class Severity : std::uint8_t { critical, warning, notice };

struct Problem {
    Severity severity = Severity::warning;
    std::string
        kind; // "service" | "backend" | "next-hop" | "pressure" | "drops" | "file" | "warning" | "confirm" | "drift"
    std::string subject;      // "web 1.1.1.12:80"
    std::string text;         // why
    std::string service = {}; // "": of none
    std::optional<double> since_seconds = std::nullopt;
};

// As many as are shown, and how many there are.
struct Problems {
    std::vector<Problem> shown;
    std::size_t total = 0;

    void add(Problem problem);
};

struct PageView {
    struct Backend {
        api::BackendView view;
        std::optional<policy::TrafficRates> rates = std::nullopt;
    };
    struct Service {
        std::string name;
        std::string address;
        std::string scheduler;
        std::string snat;
        std::string pool;
        std::uint64_t connections = 0;
        std::optional<policy::History::ServiceSeries> history = std::nullopt; // none: above the limits
        std::vector<Backend> backends = {};
    };
    struct Proxy {
        std::string pool;
        std::string address;
        std::uint64_t in_use = 0;   // towards all
        std::uint64_t fullest = 0;  // of which towards the endpoint that has taken most
        std::uint64_t capacity = 0; // towards each
        std::string towards;        // "tcp://1.1.1.11:80", "" where there is none
    };
    struct Drop {
        std::string reason;
        std::string help;
        std::uint64_t count = 0;
        std::optional<double> rate = std::nullopt;
        bool refuses = false; // somebody who wanted a connection got none
        bool growing = false;
        policy::Series history = {};
    };
    struct Counts {
        std::size_t services = 0;
        std::size_t backends = 0;
        std::size_t up = 0;
        std::size_t down = 0;
        std::size_t drain = 0;
        std::size_t disabled = 0;
    };
    std::string host;
    api::Status status;
    Counts counts;
    Problems problems;
    PageQuery query;
    std::size_t matching = 0; // services
    std::vector<Service> services;
    std::vector<Proxy> proxies;
    std::size_t proxies_total = 0;
    std::vector<Drop> drops; // those that happened
    policy::History::Totals totals;
    std::size_t sampled_backends = 0; // that the totals and rates are of
};

[[nodiscard]] std::string page_json(const PageView& view);

} // namespace proxip::app
