#include "app/tracing.hpp"

#include <chrono>
#include <ctime>
#include <map>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "app/trace_view.hpp"

namespace proxip::app {

namespace {

namespace asio = boost::asio;

constexpr std::size_t packets_a_turn = 256;    // of the loop, which has checks to answer as well
constexpr std::chrono::milliseconds look{250}; // for what was lost while nothing came
constexpr std::uint32_t most_packets = 1'000'000;

std::uint64_t nanoseconds(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(now.tv_nsec);
}

Result<void> check_range(const char* name, std::uint32_t value, std::uint32_t least, std::uint32_t most) {
    return value >= least && value <= most
               ? Result<void>()
               : fail(ErrorCode::invalid, fmt::format("found {}, expected {} to {}", value, least, most), name);
}

} // namespace

// Owned by its backlog's holder; what waits in the loop knows it only weakly.
class Tracing::Trace : public std::enable_shared_from_this<Trace> {
  public:
    Trace(Tracing& tracing, const api::TraceRequest& request, std::unique_ptr<dataplane::Tracer> tracer)
        : tracing_(tracing), frames_(request.frames), tracer_(std::move(tracer)),
          readable_(tracing.loop_, tracer_->descriptor()), timer_(tracing.loop_) {
        names_ = {.link = [this](std::uint32_t index) { return tracing_.neighbourhood_.link_name(index); },
                  .link_of = [this](const abi::abi_hop& hop) { return tracing_.dataplane_.link_of(hop); },
                  .service = [this](std::uint32_t id) { return service_name(id); }};
    }
    ~Trace() { end(); }
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;
    Trace(Trace&&) = delete;
    Trace& operator=(Trace&&) = delete;

    void end() {
        timer_.cancel();
        if (readable_.is_open()) {
            readable_.release(); // it is the tracer's
        }
        tracer_.reset();
    }

    void begin() {
        await_packets();
        await_look();
    }

    api::Backlog backlog;

  private:
    void await_packets() {
        readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                             [weak = weak_from_this()](const boost::system::error_code& error) {
                                 if (const auto trace = weak.lock(); trace && !error) {
                                     trace->take();
                                 }
                             });
    }

    void await_look() {
        timer_.expires_after(look);
        timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            if (const auto trace = weak.lock(); trace && trace->tracer_ && !error) {
                trace->backlog.lose(trace->tracer_->lost());
                trace->await_look();
            }
        });
    }

    void take() {
        if (!tracer_) {
            return;
        }
        std::size_t taken = 0;
        const std::uint64_t epoch = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
        tracer_->take(packets_a_turn, [&](const dataplane::TracedPacket& packet) {
            ++taken;
            backlog.put(api::item_body(packet_view(packet, epoch, frames_, names_)));
        });
        if (taken < packets_a_turn) {
            await_packets();
            return;
        }
        asio::post(tracing_.loop_, [weak = weak_from_this()] {
            if (const auto trace = weak.lock()) {
                trace->take();
            }
        });
    }

    std::string service_name(std::uint32_t id) {
        const std::uint64_t generation = tracing_.controller_.generation();
        if (std::exchange(named_at_, generation) != generation) {
            services_ = tracing_.controller_.service_names();
        }
        const auto name = services_.find(id);
        return name == services_.end() ? fmt::format("#{}", id) : name->second;
    }

    Tracing& tracing_;
    bool frames_;
    std::unique_ptr<dataplane::Tracer> tracer_;
    asio::posix::stream_descriptor readable_;
    asio::steady_timer timer_;
    TraceNames names_;
    std::map<policy::Id, std::string> services_;
    std::uint64_t named_at_ = 0; // the generation that their names are of
};

Tracing::~Tracing() {
    for (const auto& weak : traces_) {
        if (const auto trace = weak.lock()) {
            trace->end();
        }
    }
}

Result<dataplane::TraceOrder> Tracing::order_of(const api::TraceRequest& request) const {
    const api::TraceFilter& asked = request.filter;
    if (auto right = check_range("snaplen", request.snaplen, abi::ABI_TRACE_MIN_SNAPLEN, abi::ABI_TRACE_MAX_SNAPLEN);
        !right) {
        return std::unexpected(right.error());
    }
    if (auto right = check_range("limit", request.limit, abi::ABI_TRACE_WINDOWS, most_packets); !right) {
        return std::unexpected(right.error());
    }
    dataplane::TraceOrder order{.snaplen = request.snaplen, .limit = request.limit, .leaving = request.frames};
    abi::abi_trace_filter& filter = order.filter;
    if (asked.protocol) {
        filter.protocol = policy::to_abi(*asked.protocol);
    }
    if (asked.client) {
        filter.client = policy::to_abi(asked.client->address);
        filter.client_family = policy::to_abi(asked.client->address.family);
        filter.client_port_be = policy::swap_port(asked.client->port);
    }
    if (asked.backend) {
        filter.backend = policy::to_abi(asked.backend->address);
        filter.backend_family = policy::to_abi(asked.backend->address.family);
        filter.backend_port_be = policy::swap_port(asked.backend->port);
    }
    if (asked.host) {
        filter.host = policy::to_abi(*asked.host);
        filter.host_family = policy::to_abi(asked.host->family);
    }
    filter.port_be = policy::swap_port(asked.port.value_or(0));
    filter.drops = asked.drops ? 1 : 0;
    if (asked.service) {
        const Service* service = controller_.running().service(*asked.service);
        const auto id = service == nullptr ? std::nullopt : controller_.identities().services.find(service->address);
        if (!id) {
            return fail(ErrorCode::not_found, fmt::format("there is no service \"{}\"", *asked.service));
        }
        filter.service = *id;
        filter.vip = policy::to_abi(service->address.address);
        filter.vip_family = policy::to_abi(service->address.address.family);
        filter.vip_protocol = policy::to_abi(service->address.protocol);
        filter.vip_first_port = service->address.ports.first;
        filter.vip_last_port = service->address.ports.last;
    }
    return order;
}

Result<serve::ControlServer::Followed> Tracing::follow(const api::TraceRequest& request) {
    std::erase_if(traces_, [](const auto& trace) { return trace.expired(); });
    const auto order = order_of(request);
    if (!order) {
        return std::unexpected(order.error());
    }
    auto tracer = dataplane_.trace(*order);
    if (!tracer) {
        return std::unexpected(tracer.error());
    }
    auto trace = std::make_shared<Trace>(*this, request, std::move(*tracer));
    trace->begin();
    traces_.push_back(trace);
    serve::ControlServer::Followed out{.answer = {}, .backlog = {trace, &trace->backlog}};
    for (const auto& attachment : dataplane_.attachments()) {
        out.answer.interfaces.push_back(neighbourhood_.link_name(attachment.index));
    }
    return out;
}

} // namespace proxip::app
