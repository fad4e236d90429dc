#include <algorithm>
#include <bit>
#include <set>

#include <fmt/format.h>

#include "model/codec.hpp"
#include "model/validate.hpp"

namespace proxip::validation {

namespace {

// What the kernel takes as the name of a device (net/core/dev.c, dev_valid_name).
bool is_device_name(const std::string& name) {
    const auto allowed = [](char c) { return c > ' ' && c <= '~' && c != '/' && c != ':'; };
    return !name.empty() && name.size() <= limits::max_interface_name && name != "." && name != ".." &&
           std::ranges::all_of(name, allowed);
}

Fault check_interfaces(const std::vector<Interface>& interfaces) {
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        const std::string& name = interfaces[i].name;
        const Place place = Place{}.key("agent").key("interfaces").index(i);
        if (!is_device_name(name)) {
            return place.unfit(
                name, fmt::format("the name of an interface, 1 to {} characters without \"/\", \":\" or blanks",
                                  limits::max_interface_name));
        }
        if (!seen.insert(name).second) {
            return place.unfit(name, "each interface once");
        }
    }
    return std::nullopt;
}

Fault check_metrics(const std::string& metrics) {
    const auto address = SocketAddress::parse(metrics);
    if (metrics.empty() || (address && address->port != 0)) {
        return std::nullopt;
    }
    return Place{}.key("agent").key("metrics").unfit(metrics, "ADDRESS:PORT, such as 127.0.0.1:9631, or \"\" for off");
}

Fault check_max_connections(std::uint32_t count) {
    if (count >= limits::min_connections && count <= limits::max_connections) {
        return std::nullopt;
    }
    return Place{}
        .key("agent")
        .key("max_connections")
        .fault(fmt::format("found {}, expected a whole number from {} to {}", count, limits::min_connections,
                           limits::max_connections));
}

Fault check_inline_networks(const std::vector<Prefix>& networks) {
    std::set<Prefix> seen;
    for (std::size_t i = 0; i < networks.size(); ++i) {
        if (!seen.insert(networks[i]).second) {
            const Place place = Place{}.key("agent").key("inline_networks").index(i);
            return place.unfit(networks[i].text(), "each network once");
        }
    }
    return std::nullopt;
}

Fault check_nat_log(const NatLogConfig& log) {
    const Place place = Place{}.key("agent").key("nat_log");
    if (log.keep < limits::min_nat_keep || log.keep > limits::max_nat_keep) {
        return place.key("keep").unfit(
            duration_text(log.keep),
            fmt::format("from {} to {}", duration_text(limits::min_nat_keep), duration_text(limits::max_nat_keep)));
    }
    if (log.max_size < limits::min_nat_size || log.max_size > limits::max_nat_size) {
        return place.key("max_size")
            .unfit(bytes_text(log.max_size),
                   fmt::format("from {} to {}", bytes_text(limits::min_nat_size), bytes_text(limits::max_nat_size)));
    }
    if (!std::has_single_bit(log.buffer) || log.buffer < limits::min_nat_buffer ||
        log.buffer > limits::max_nat_buffer) {
        return place.key("buffer").unfit(bytes_text(log.buffer),
                                         fmt::format("a power of two from {} to {}", bytes_text(limits::min_nat_buffer),
                                                     bytes_text(limits::max_nat_buffer)));
    }
    if (!log.json.empty() && (!log.json.starts_with('/') || log.json.size() > limits::max_nat_json)) {
        return place.key("json").unfit(
            log.json, fmt::format("an absolute path of at most {} characters, or \"\" for none", limits::max_nat_json));
    }
    return std::nullopt;
}

} // namespace

Fault check_agent(const AgentConfig& agent) {
    return first_of([&] { return check_interfaces(agent.interfaces); }, [&] { return check_metrics(agent.metrics); },
                    [&] { return check_max_connections(agent.max_connections); },
                    [&] { return check_inline_networks(agent.inline_networks); },
                    [&] { return check_nat_log(agent.nat_log); });
}

} // namespace proxip::validation
