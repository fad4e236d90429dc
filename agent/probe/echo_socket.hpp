#pragma once

// ICMP echo (RFC 792, RFC 4443 section 4) by one socket for all targets of a family. An answer is known by its sequence
// number, the address it comes from, and what only the request held.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/icmp.hpp>

#include "model/address.hpp"
#include "model/result.hpp"

namespace proxip::probe {

class EchoSocket : public std::enable_shared_from_this<EchoSocket> {
  public:
    // A raw socket (CAP_NET_RAW), else the kernel's ping socket, which net.ipv4.ping_group_range allows.
    [[nodiscard]] static Result<std::shared_ptr<EchoSocket>> open(const boost::asio::any_io_executor& executor,
                                                                  Family family);

    using Answered = std::function<void()>;
    // The number of the request, to be given to forget(). `answered` is called at most once.
    [[nodiscard]] std::uint16_t expect(const boost::asio::ip::address& target, Answered answered);
    [[nodiscard]] boost::system::error_code send(std::uint16_t number);
    void forget(std::uint16_t number) { waiting_.erase(number); }

    EchoSocket(boost::asio::ip::icmp::socket socket, bool raw);

  private:
    struct Waiting {
        boost::asio::ip::address target;
        std::uint64_t secret = 0;
        Answered answered;
    };
    void listen();
    void drain();
    void take(std::span<const std::uint8_t> packet, const boost::asio::ip::address& from);

    boost::asio::ip::icmp::socket socket_;
    bool raw_; // the packet has its IPv4 header, the checksum and the identifier are ours
    bool v4_;
    std::uint16_t identifier_;
    std::uint16_t next_ = 0;
    std::unordered_map<std::uint16_t, Waiting> waiting_;
    std::array<std::uint8_t, 256> packet_{};
};

} // namespace proxip::probe
