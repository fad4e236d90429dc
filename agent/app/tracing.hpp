#pragma once

// Who traces now: each has programs of its own in the kernel, for as long as its client is there.

#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "app/controller.hpp"
#include "app/views.hpp"
#include "dataplane/dataplane.hpp"
#include "serve/control_server.hpp"

namespace proxip::app {

class Tracing {
  public:
    Tracing(boost::asio::io_context& loop, const Controller& controller, const Views& views,
            const Neighbourhood& neighbourhood, dataplane::Dataplane& dataplane)
        : loop_(loop), controller_(controller), views_(views), neighbourhood_(neighbourhood), dataplane_(dataplane) {}

    ~Tracing(); // ends them all: they need the data plane
    Tracing(const Tracing&) = delete;
    Tracing& operator=(const Tracing&) = delete;

    // Ends when the backlog is let go.
    [[nodiscard]] Result<serve::ControlServer::Followed> follow(const api::TraceRequest& request);

  private:
    class Trace;

    [[nodiscard]] Result<dataplane::TraceOrder> order_of(const api::TraceRequest& request) const;

    boost::asio::io_context& loop_;
    const Controller& controller_;
    const Views& views_;
    const Neighbourhood& neighbourhood_;
    dataplane::Dataplane& dataplane_;
    std::vector<std::weak_ptr<Trace>> traces_;
};

} // namespace proxip::app
