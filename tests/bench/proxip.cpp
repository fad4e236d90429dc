#include <cstring>
#include <fstream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "bench/middle.hpp"
#include "dataplane/kernel.hpp"
#include "packet/world.hpp"
#include "policy/image.hpp"

namespace proxip::bench {

namespace {

template <typename T>
T needed(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().text());
    }
    return std::move(*result);
}
void needed(const Result<void>& result) {
    if (!result) {
        throw std::runtime_error(result.error().text());
    }
}

// A pool that a table of the usual size outlasts.
constexpr std::uint32_t small_range = 12'288;
constexpr std::uint16_t first_port = 1024;

Service service_of(const Setup& setup, std::uint32_t number) {
    Service out;
    out.name = fmt::format("bench{}", number);
    out.address = {
        .protocol = Protocol::udp, .address = vip(setup.family, number), .ports = {service_port, service_port}};
    if (setup.filled != 0) { // so that the last ports of each backend are taken at the same time
        out.scheduler = Scheduler::round_robin;
    }
    const std::uint32_t first = setup.lanes == 1 ? 0 : number * backends;
    for (std::uint32_t n = first; n < first + backends; ++n) {
        out.backends.push_back({.address = {.address = backend(setup.family, n), .port = service_port},
                                .weight = 1,
                                .backup = false,
                                .enabled = {}});
    }
    return out;
}

Config configuration(const Setup& setup) {
    const std::uint16_t last_port = setup.filled == 0 ? 65535 : first_port + small_range - 1;
    Config out;
    out.pools.push_back({.name = "default",
                         .addresses = {{.first = proxy(setup.family, 0), .last = proxy(setup.family, proxies - 1)}},
                         .ports = {first_port, last_port},
                         .exclude_ports = {}});
    for (std::uint32_t number = 0; number < setup.services; ++number) {
        out.services.push_back(service_of(setup, number));
    }
    needed(validate(out));
    return out;
}

// Those of a service of its own stand at the end of each lane.
std::size_t lane_of(const abi::abi_endpoint& endpoint, std::size_t lanes) {
    if (lanes == 1) {
        return 0;
    }
    std::uint32_t first = 0;
    std::memcpy(&first, backend(Family::v4, 0).bytes.data(), sizeof first);
    return (ntohl(endpoint.address.word[0]) - ntohl(first)) / backends;
}

std::map<Address, dataplane::Local> local_addresses(const Setup& setup) {
    std::map<Address, dataplane::Local> out;
    for (std::uint32_t number = 0; number < setup.services; ++number) {
        out[vip(setup.family, number)] = {.vip = true, .answer = true};
    }
    for (std::uint32_t number = 0; number < proxies; ++number) {
        out[proxy(setup.family, number)] = {.proxy = true, .answer = true};
    }
    return out;
}

std::uint64_t memory_of(const dataplane::Dataplane& plane, const char* map) {
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", dataplane::map_fd(plane, map)));
    std::string key;
    std::uint64_t value = 0;
    while (info >> key) {
        if (key == "memlock:" && info >> value) {
            return value;
        }
    }
    throw std::runtime_error(fmt::format("no memlock in the fdinfo of map {}", map));
}

class Proxip final : public Middle {
  public:
    Proxip(std::span<const Stage> lanes, const Setup& setup)
        : plane_(needed(dataplane::open_kernel(folder_.pins(), Config{}.agent.max_connections))) {
        constexpr std::uint32_t seed = 1;
        policy::Identities ids;
        const auto everything = [](const Service& /*service*/, const Backend& /*backend*/) { return true; };
        const auto image = needed(policy::compile(configuration(setup), everything, ids, seed));
        needed(plane_->install(image, 1));
        needed(plane_->set_locals(local_addresses(setup)));
        plane_->tell_nat(setup.log == NatLog::on);
        for (const Stage& lane : lanes) {
            attach(lane.front, setup.way);
            attach(lane.back, setup.way);
        }
        for (const auto& [id, endpoint] : image.endpoints) {
            const Stage& lane = lanes[lane_of(endpoint, lanes.size())];
            plane_->set_path(id, {.hop = {{.link = lane.back.index, .mac = lane.server.mac}}, .inline_prefix = {}});
        }
    }

    [[nodiscard]] const dataplane::Dataplane* plane() const override { return plane_.get(); }
    void between_slices() override {
        plane_->read_nat_events([](const dataplane::NatEvent& /*what it says is not judged*/) {});
        if (plane_->nat_events_lost() != 0) {
            throw std::runtime_error("the buffer of NAT events was full; expected it to take a slice");
        }
    }
    [[nodiscard]] double bytes_per_connection() const override {
        const auto bytes = memory_of(*plane_, "conn") + memory_of(*plane_, "slot") + memory_of(*plane_, "free_slots");
        return static_cast<double>(bytes) / plane_->max_connections();
    }

  private:
    // As the agent does for a veth; without the probe, no redirect is taken to be possible.
    void attach(const Port& port, WayOut way) {
        constexpr std::uint32_t mtu = 1500;
        needed(plane_->set_link(
            {.index = port.index, .mac = port.mac, .mtu = mtu, .ethernet = true, .partial_checksums = true}));
        (void)needed(plane_->attach(port.index, XdpMode::native));
        if (way == WayOut::clsact) {
            return;
        }
        plane_->probe_redirect(port.index);
        if (!plane_->takes_redirects(port.index)) {
            throw std::runtime_error(port.name + " takes no redirected frames; expected it to");
        }
    }

    packet::BpfFolder folder_; // the last to go
    std::unique_ptr<dataplane::Dataplane> plane_;
};

} // namespace

std::unique_ptr<Middle> make_proxip(std::span<const Stage> lanes, const Setup& setup) {
    return std::make_unique<Proxip>(lanes, setup);
}

std::uint32_t filling(std::uint32_t per_cent) {
    return small_range * proxies * backends / 100 * per_cent;
}

} // namespace proxip::bench
