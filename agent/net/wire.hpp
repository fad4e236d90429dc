#pragma once

// What is said of addresses on one Ethernet link, of one family: ARP, or neighbour discovery. A packet socket on the
// agent's loop. Our own frames do not come back through it.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "model/address.hpp"
#include "model/result.hpp"

namespace proxip::net {

class Wire : public std::enable_shared_from_this<Wire> {
  public:
    // Untagged frames from the Ethernet header on. IPv4: every ARP request and reply. IPv6: neighbour advertisements,
    // and solicitations from the unspecified address.
    using Heard = std::function<void(std::span<const std::uint8_t> frame)>;

    // None (a null pointer): the link has no Ethernet header, so that nobody is asked on it. Errors: no such link,
    // denied.
    [[nodiscard]] static Result<std::shared_ptr<Wire>> open(boost::asio::io_context& loop, std::uint32_t link,
                                                            Family family, Heard heard);

    // The error when this process may not open one at all.
    [[nodiscard]] static Result<void> check_allowed();

    // False: the link is down or gone, and nobody can have heard it. A frame for which there is no room counts as sent:
    // probes and announcements are repeated.
    [[nodiscard]] bool send(std::span<const std::uint8_t> frame);
    [[nodiscard]] bool gone() const { return gone_; } // the link does not exist any more; a new one has another number
    void stop();

    Wire(boost::asio::io_context& loop, int descriptor, std::uint32_t link, Heard heard)
        : descriptor_(loop, descriptor), link_(link), heard_(std::move(heard)) {}

  private:
    void listen();
    void drain();
    [[nodiscard]] bool still_bound();
    [[nodiscard]] bool is_running();

    boost::asio::posix::stream_descriptor descriptor_;
    std::uint32_t link_;
    Heard heard_;
    std::array<std::uint8_t, 2048> buffer_{}; // with every option that neighbour discovery has (SEND's, RFC 3971)
    bool gone_ = false;
    bool stopped_ = false;
};

} // namespace proxip::net
