#include "model/validate.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/text.hpp"

namespace proxip {

namespace validation {

Place Place::key(const std::string& name) const {
    Place inner{.path = path.empty() ? name : path + '.' + name, .steps = steps};
    inner.steps.emplace_back(name);
    return inner;
}

Place Place::element(const std::string& word, const std::string& name, std::size_t index,
                     const std::string& label) const {
    const std::string step = fmt::format("{}[{}]", word, label);
    Place inner{.path = path.empty() ? step : path + '.' + step, .steps = steps};
    inner.steps.emplace_back(name);
    inner.steps.emplace_back(index);
    return inner;
}

Place Place::index(std::size_t number) const {
    Place inner{.path = fmt::format("{}[{}]", path, number), .steps = steps};
    inner.steps.emplace_back(number);
    return inner;
}

Fault Place::fault(std::string message) const {
    return Finding{.misfit = {.message = std::move(message), .where = steps}, .path = path};
}

Fault Place::unfit(const std::string& found, const std::string& expected) const {
    return fault(fmt::format("found {}, expected {}", quote(found), expected));
}

Place place_of(const ProxyPool& pool, std::size_t index) {
    return Place{}.element("pool", "proxy_pool", index, printable(pool.name));
}

Place place_of(const Service& service, std::size_t index) {
    return Place{}.element("service", "service", index, printable(service.name));
}

Fault check_name(const Place& place, const std::string& name) {
    const auto alphanumeric = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    const auto allowed = [&](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; };
    const bool good = !name.empty() && name.size() <= limits::max_name_length && alphanumeric(name.front()) &&
                      std::ranges::all_of(name, allowed);
    if (good) {
        return std::nullopt;
    }
    return place.unfit(
        name, fmt::format("a name of 1 to {} letters, digits, \"_\", \".\" and \"-\" that starts with a letter "
                          "or a digit",
                          limits::max_name_length));
}

Fault check_unicast(const Place& place, const Address& address) {
    if (address.is_unicast()) {
        return std::nullopt;
    }
    return place.unfit(address.text(),
                       "an address that a host can have (not unspecified, loopback, link-local, multicast or "
                       "broadcast)");
}

} // namespace validation

std::optional<Finding> find_fault(const Config& config) {
    const validation::ProxyAddresses proxies{config.pools};
    return validation::first_of([&] { return validation::check_agent(config.agent); },
                                [&] { return validation::check_pools(config.pools, proxies); },
                                [&] { return validation::check_services(config, proxies); });
}

Result<void> validate(const Config& config) {
    if (auto finding = find_fault(config)) {
        return fail(ErrorCode::invalid, std::move(finding->misfit.message), std::move(finding->path));
    }
    return {};
}

} // namespace proxip
