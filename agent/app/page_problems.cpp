#include "app/page_problems.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

namespace proxip::app {

namespace {

constexpr std::chrono::seconds hop_patience{2}; // the kernel is asked once more before that
constexpr unsigned nearly_full_percent = 95;

class Finder {
  public:
    Finder(const ProblemSources& sources, const api::Status& status) : from_(sources), status_(status) {}

    Problems find(const std::vector<PageView::Drop>& drops) {
        services();
        pressure();
        growing(drops);
        backends();
        hops();
        file();
        others();
        waiting();
        std::ranges::stable_sort(out_.shown, {}, &Problem::severity);
        return std::move(out_);
    }

  private:
    // Why not the checks alone decide. `status` says it as a warning, which is not said twice.
    void services() {
        for (const Service& service : from_.controller.running().services) {
            const policy::Basis basis = from_.controller.rotation(service).basis;
            if (basis == policy::Basis::checks) {
                continue;
            }
            const std::string text(policy::basis_text(basis));
            told_.insert(fmt::format("service[{}]: {}", service.name, text));
            out_.add({.severity = basis == policy::Basis::nobody ? Severity::critical : Severity::warning,
                      .kind = "service",
                      .subject = service.name,
                      .text = text,
                      .service = service.name});
        }
    }

    void backends() {
        const HealthBook& health = from_.controller.health();
        for (const Service& service : from_.controller.running().services) {
            for (const Backend& backend : service.backends) {
                if (from_.views.state(service, backend) != "down") {
                    continue;
                }
                if (out_.shown.size() >= most_problems) { // its texts would be made for nothing
                    ++out_.total;
                    continue;
                }
                const std::string why = health.last_check(service.name, backend.address);
                out_.add({.kind = "backend",
                          .subject = service.name + " " + backend.address.text(),
                          .text = why.empty() ? "an earlier agent found it down; not checked yet" : why,
                          .service = service.name,
                          .since_seconds = health.times(service.name, backend.address).since.transform(seconds_since)});
            }
        }
    }

    void hops() {
        const auto now = std::chrono::steady_clock::now();
        for (const auto& hop : from_.neighbourhood.lost_hops()) {
            if (now - hop.since < hop_patience) {
                continue;
            }
            const std::string what =
                hop.interface.empty() ? "no route leads there"
                : hop.known           ? fmt::format("does not answer on {}; its last MAC is still used", hop.interface)
                            : fmt::format("its MAC is not known on {}: packets to it are dropped", hop.interface);
            out_.add(
                {.kind = "next-hop",
                 .subject = hop.next.text(),
                 .text = hop.endpoints > 1 ? fmt::format("{}; {} endpoints are behind it", what, hop.endpoints) : what,
                 .since_seconds = seconds_since(hop.since)});
        }
    }

    void pressure() {
        for (const policy::Gauge& gauge : from_.pressure.high()) {
            told_.insert(gauge.text());
            out_.add({.severity = gauge.percent() >= nearly_full_percent ? Severity::critical : Severity::warning,
                      .kind = "pressure",
                      .subject = gauge.name,
                      .text = fmt::format("{} % full, {} of {}", gauge.percent(), gauge.used, gauge.capacity)});
        }
    }

    void growing(const std::vector<PageView::Drop>& drops) {
        for (const PageView::Drop& drop : drops) {
            if (drop.refuses && drop.growing) {
                const auto since = from_.history.growing(drop.reason);
                out_.add({.kind = "drops",
                          .subject = drop.reason,
                          .text = fmt::format("{}; {} so far", drop.help, drop.count),
                          .since_seconds = since.transform([](auto s) { return static_cast<double>(s.count()); })});
            }
        }
    }

    void file() {
        if (const std::string& why = from_.controller.file_trouble(); !why.empty()) {
            told_.insert("the configuration file was not reloaded: " + why);
            out_.add({.kind = "file", .subject = "configuration file", .text = why});
        }
    }

    void others() {
        for (const std::string& warning : status_.warnings) {
            if (!told_.contains(warning)) {
                out_.add({.kind = "warning", .subject = "", .text = warning});
            }
        }
    }

    void waiting() {
        if (status_.confirm) {
            out_.add({.severity = Severity::notice,
                      .kind = "confirm",
                      .subject = "an apply waits to be confirmed",
                      .text = fmt::format("back to generation {} in {:.0f} s", status_.confirm->back_to,
                                          status_.confirm->seconds_left)});
        }
        if (status_.drift) {
            out_.add({.severity = Severity::notice,
                      .kind = "drift",
                      .subject = "drift",
                      .text = "what runs is not what was last applied; lbctl dump shows it"});
        }
    }

    const ProblemSources& from_;
    const api::Status& status_;
    Problems out_;
    std::set<std::string> told_; // of the warnings
};

} // namespace

bool refuses(std::string_view reason) {
    static constexpr std::array reasons{
        std::string_view("no_backend_available"),  std::string_view("proxy_ports_exhausted"),
        std::string_view("connection_table_full"), std::string_view("reply_tuple_taken"),
        std::string_view("next_hop_unresolved"),   std::string_view("no_way_out"),
        std::string_view("translate_failed"),      std::string_view("service_limit_reached"),
        std::string_view("client_limit_reached"),  std::string_view("client_ports_exhausted"),
        std::string_view("backend_limit_reached")};
    return std::ranges::find(reasons, reason) != reasons.end();
}

Problems find_problems(const ProblemSources& sources, const api::Status& status,
                       const std::vector<PageView::Drop>& drops) {
    return Finder(sources, status).find(drops);
}

} // namespace proxip::app
