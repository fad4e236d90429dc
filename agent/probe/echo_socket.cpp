#include "probe/echo_socket.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <random>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <linux/icmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/checksum.hpp"

namespace proxip::probe {

namespace asio = boost::asio;
using asio::ip::icmp;

namespace {

constexpr int receive_room = 1 << 20; // answers of a few thousand targets at once
constexpr int packets_a_turn = 64;

struct EchoMessage { // network byte order
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint16_t checksum = 0;
    std::uint16_t identifier = 0;
    std::uint16_t sequence = 0;
    std::uint64_t secret = 0;
};
static_assert(sizeof(EchoMessage) == 16);

std::uint16_t checksum_of(const EchoMessage& message) {
    std::array<std::uint8_t, sizeof message> bytes{};
    std::memcpy(bytes.data(), &message, sizeof message);
    return static_cast<std::uint16_t>(~policy::folded(policy::internet_sum(bytes)));
}

// Only answers: a raw socket sees every ICMP message of the host.
bool keep_answers_only(int socket, bool v4) {
    if (v4) {
        const icmp_filter all_but{.data = ~(1U << ICMP_ECHOREPLY)};
        return ::setsockopt(socket, SOL_RAW, ICMP_FILTER, &all_but, sizeof all_but) == 0;
    }
    icmp6_filter only{};
    ICMP6_FILTER_SETBLOCKALL(&only);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
    return ::setsockopt(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof only) == 0;
}

std::uint64_t random_number() {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
}

} // namespace

Result<std::shared_ptr<EchoSocket>> EchoSocket::open(const asio::any_io_executor& executor, Family family) {
    const bool v4 = family == Family::v4;
    const icmp protocol = v4 ? icmp::v4() : icmp::v6();
    constexpr int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    bool raw = true;
    int handle = ::socket(protocol.family(), SOCK_RAW | flags, protocol.protocol());
    if (handle < 0 && (errno == EPERM || errno == EACCES)) {
        raw = false;
        handle = ::socket(protocol.family(), SOCK_DGRAM | flags, protocol.protocol());
    }
    if (handle < 0) {
        return fail_errno("cannot open a socket for ICMP", errno);
    }
    icmp::socket socket(executor, protocol, handle);
    if (raw && !keep_answers_only(handle, v4)) {
        return fail_errno("cannot filter ICMP", errno);
    }
    boost::system::error_code error;
    if (socket.non_blocking(true, error)) { // else asio itself waits until it can send or receive
        return fail_errno("cannot open a socket for ICMP", error.value());
    }
    std::ignore = socket.set_option(asio::socket_base::receive_buffer_size(receive_room), error); // at best
    auto opened = std::make_shared<EchoSocket>(std::move(socket), raw);
    opened->listen();
    return opened;
}

EchoSocket::EchoSocket(icmp::socket socket, bool raw)
    : socket_(std::move(socket)), raw_(raw), v4_(socket_.local_endpoint().address().is_v4()),
      identifier_(static_cast<std::uint16_t>(random_number())) {}

std::uint16_t EchoSocket::expect(const asio::ip::address& target, Answered answered) {
    while (waiting_.contains(next_)) { // there are fewer targets than numbers
        ++next_;
    }
    waiting_.emplace(next_, Waiting{.target = target, .secret = random_number(), .answered = std::move(answered)});
    return next_++;
}

boost::system::error_code EchoSocket::send(std::uint16_t number) {
    const Waiting& waiting = waiting_.at(number);
    EchoMessage message{.identifier = identifier_, .sequence = htons(number), .secret = waiting.secret};
    message.type = v4_ ? std::uint8_t{ICMP_ECHO} : std::uint8_t{ICMP6_ECHO_REQUEST};
    if (v4_) {
        message.checksum = checksum_of(message);
    }
    boost::system::error_code error;
    std::ignore = socket_.send_to(asio::buffer(&message, sizeof message), icmp::endpoint(waiting.target, 0), 0, error);
    return error;
}

void EchoSocket::listen() {
    socket_.async_wait(icmp::socket::wait_read, [weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (self && !error) {
            self->drain();
            self->listen();
        }
    });
}

void EchoSocket::drain() {
    boost::system::error_code error;
    for (int i = 0; i < packets_a_turn; ++i) {
        icmp::endpoint from;
        const std::size_t length = socket_.receive_from(asio::buffer(packet_), from, 0, error);
        if (error) {
            return;
        }
        take(std::span(packet_).first(length), from.address());
    }
}

void EchoSocket::take(std::span<const std::uint8_t> packet, const asio::ip::address& from) {
    if (raw_ && v4_) {
        const std::size_t ip_header = packet.empty() ? 0 : (packet[0] & 0x0fU) * 4U;
        packet = packet.subspan(std::min(ip_header, packet.size()));
    }
    EchoMessage message;
    if (packet.size() < sizeof message) {
        return;
    }
    std::memcpy(&message, packet.data(), sizeof message);
    const bool is_answer = message.type == (v4_ ? std::uint8_t{ICMP_ECHOREPLY} : std::uint8_t{ICMP6_ECHO_REPLY});
    const auto waiting = waiting_.find(ntohs(message.sequence));
    if (!is_answer || (raw_ && message.identifier != identifier_) || waiting == waiting_.end() ||
        waiting->second.secret != message.secret || waiting->second.target != from) {
        return;
    }
    const Answered answered = std::move(waiting->second.answered);
    waiting_.erase(waiting);
    answered();
}

} // namespace proxip::probe
