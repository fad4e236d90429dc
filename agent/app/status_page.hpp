#pragma once

// The status page's data: a look at what runs, and the last five minutes of it.
//
// However many services there are, one look reads the kernel's counters of 1,000 backends and a few more at most (those
// that are shown), and a sample, every five seconds, those of 2,048.

#include <string>

#include "app/controller.hpp"
#include "app/page_view.hpp"
#include "app/pressure_watch.hpp"
#include "app/views.hpp"
#include "policy/history.hpp"

namespace proxip::app {

class StatusPage {
  public:
    static constexpr std::size_t most_services = 100;  // on one page
    static constexpr std::size_t most_backends = 1000; // but at least one service's
    static constexpr std::size_t most_proxies = 128;   // the fullest

    StatusPage(const Controller& controller, const dataplane::Dataplane& dataplane, const Neighbourhood& neighbourhood,
               const PressureWatch& pressure, const Views& views, std::string host)
        : controller_(controller), dataplane_(dataplane), neighbourhood_(neighbourhood), pressure_(pressure),
          views_(views), host_(std::move(host)) {}

    void sample(); // every policy::History::interval
    [[nodiscard]] std::string json(const PageQuery& query) const { return page_json(look(query)); }

  private:
    [[nodiscard]] PageView look(const PageQuery& query) const;
    [[nodiscard]] PageView::Counts count() const;
    void add_services(const PageQuery& query, PageView& view) const;
    [[nodiscard]] PageView::Service service(const Service& service, const std::vector<api::BackendView>& leaving) const;
    void add_proxies(PageView& view) const;
    [[nodiscard]] std::vector<PageView::Drop> drops() const;

    const Controller& controller_;
    const dataplane::Dataplane& dataplane_;
    const Neighbourhood& neighbourhood_;
    const PressureWatch& pressure_;
    const Views& views_;
    std::string host_;
    policy::History history_;
};

} // namespace proxip::app
