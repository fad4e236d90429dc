#include "net/statement.hpp"

#include <algorithm>

#include "net/arp.hpp"
#include "net/ndp.hpp"

namespace proxip::net {

namespace {

Frame copy_of(std::span<const std::uint8_t> bytes) {
    return {bytes.begin(), bytes.end()};
}

std::optional<Statement> read_arp(std::span<const std::uint8_t> frame) {
    const auto packet = arp::parse(frame);
    if (!packet) {
        return std::nullopt;
    }
    Statement out{.address = {}, .mac = packet->sender_mac, .probe = packet->sender == arp::Ipv4{}};
    std::ranges::copy(arp::claimed(*packet), out.address.bytes.begin());
    return out;
}

// A solicitation from an address asks for another's MAC (RFC 4862 section 5.4.3).
std::optional<Statement> read_ndp(std::span<const std::uint8_t> frame) {
    const auto packet = ndp::parse(frame);
    const bool is_probe = packet && packet->type == ndp::solicitation;
    if (!packet || (is_probe && packet->source != Address{.family = Family::v6})) {
        return std::nullopt;
    }
    return Statement{.address = packet->target, .mac = packet->mac, .probe = is_probe};
}

} // namespace

Frame probe(const Mac& own, const Address& address) {
    return address.family == Family::v4 ? copy_of(arp::probe(own, arp::to_ipv4(address)))
                                        : copy_of(ndp::probe(own, address));
}

Frame announcement(const Mac& own, const Address& address) {
    return address.family == Family::v4 ? copy_of(arp::announcement(own, arp::to_ipv4(address)))
                                        : copy_of(ndp::announcement(own, address));
}

std::optional<Statement> read_statement(Family family, std::span<const std::uint8_t> frame) {
    return family == Family::v4 ? read_arp(frame) : read_ndp(frame);
}

} // namespace proxip::net
