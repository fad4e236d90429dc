#pragma once

// The wires of all links, each opened when it is first needed and again when its link was replaced, and with them the
// groups in which IPv6 addresses are asked for.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "model/address.hpp"
#include "net/groups.hpp"
#include "net/statement.hpp"
#include "net/wire.hpp"

namespace proxip::net {

class Wires {
  public:
    using Place = std::pair<std::uint32_t, Address>; // link and address
    using Heard = std::function<void(std::uint32_t link, const Statement& statement)>;

    Wires(boost::asio::io_context& loop, Heard heard) : loop_(loop), heard_(std::move(heard)) {}
    Wires(const Wires&) = delete;
    Wires& operator=(const Wires&) = delete;
    ~Wires();

    // Says something of an address, once its groups are joined (RFC 4862 section 5.4.2): whoever answers is heard.
    // False: the link is down or gone. On a link without Ethernet there is nobody to hear it, which is no failure.
    [[nodiscard]] bool send(const Place& place, const Frame& frame);
    // Those of these addresses; other wires are closed, other groups left.
    void keep(const std::set<Place>& places);
    void renew(std::uint32_t link); // joins its groups again

  private:
    using Key = std::pair<std::uint32_t, Family>;

    [[nodiscard]] Result<std::shared_ptr<Wire>> wire_of(const Key& key);

    boost::asio::io_context& loop_;
    Heard heard_;
    std::map<Key, std::shared_ptr<Wire>> wires_; // a null pointer: no Ethernet on that link
    Groups groups_;
};

} // namespace proxip::net
