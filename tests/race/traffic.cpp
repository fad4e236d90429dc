#include "race/traffic.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>

#include <bpf/bpf.h>
#include <sys/utsname.h>

#include "packet/packet.hpp"

namespace proxip::race {

namespace {

using packet::Ack;
using packet::Fin;
using packet::Rst;
using packet::Syn;

constexpr std::size_t ip_protocol = 14 + 9;
constexpr std::size_t ip_source = 14 + 12;
constexpr std::size_t ip_destination = 14 + 16;
constexpr std::size_t l4_source = 14 + 20;
constexpr std::size_t l4_destination = l4_source + 2;
constexpr std::size_t udp_length = l4_source + 4;
constexpr std::size_t tcp_flags_at = l4_source + 13;
constexpr std::uint8_t tcp = 6;
constexpr std::uint8_t udp = 17;

template <typename Frame>
void put16(Frame& frame, std::size_t at, std::uint32_t value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8 & 0xff);
    frame[at + 1] = static_cast<std::uint8_t>(value & 0xff);
}

template <typename Frame>
void put(Frame& frame, std::size_t at, const packet::Ip& address) {
    std::copy(address.begin(), address.end(), frame.begin() + at);
}

packet::Ip client_address(std::uint32_t number) {
    return {10, 0, 0, static_cast<std::uint8_t>(1 + number % 200)};
}
std::uint32_t client_port(std::uint32_t number) {
    return 10000 + number / 200;
}

// Half of the clients at a time, for both CPUs the same: the others fall idle and expire, or their ports are
// taken, while what is closed is soon called again.
std::uint32_t which_window() {
    using std::chrono::steady_clock;
    constexpr std::chrono::milliseconds time_of_each{700};
    return static_cast<std::uint32_t>(steady_clock::now().time_since_epoch() / time_of_each % 2);
}

} // namespace

bool test_runs_admit_softirqs() {
    utsname name{};
    char* rest = nullptr;
    (void)::uname(&name);
    const long major = std::strtol(name.release, &rest, 10);
    const long minor = std::strtol(rest + 1, nullptr, 10);
    return major < 6 || (major == 6 && minor < 11);
}

Shooter::Shooter(const Course& course, Frames frames)
    : program_(course.program()), interface_(course.interface()), frames_(frames) {
    const packet::Frame frame = packet::Ethernet{} / packet::Ipv4{} / packet::Tcp{};
    std::copy(frame.bytes.begin(), frame.bytes.end(), frame_.begin());
}

std::uint32_t Shooter::shoot() {
    const auto size = static_cast<std::uint32_t>(frame_.size());
    xdp_md context{};
    context.data_end = size;
    context.ingress_ifindex = interface_;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame_.data(), .data_size_in = size, .ctx_in = &context,
                .ctx_size_in = sizeof context, .repeat = 1);
    if (frames_ == Frames::live) {
        options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
        options.batch_size = 1;
    }
    while (bpf_prog_test_run_opts(program_, &options) != 0) {
        if (errno != EINTR) {
            throw std::system_error(errno, std::generic_category(), "BPF_PROG_RUN");
        }
    }
    return options.retval;
}

std::uint32_t Shooter::client(std::uint32_t number, std::uint16_t vip_port, std::uint8_t tcp_flags) {
    frame_[ip_protocol] = vip_port == dns_port ? udp : tcp;
    put(frame_, ip_source, client_address(number));
    put(frame_, ip_destination, packet::vip);
    put16(frame_, l4_source, client_port(number));
    put16(frame_, l4_destination, vip_port);
    put16(frame_, udp_length, 20);
    frame_[tcp_flags_at] = tcp_flags;
    return shoot();
}

std::uint32_t Shooter::backend(std::uint16_t proxy_port, std::uint8_t tcp_flags) {
    frame_[ip_protocol] = tcp;
    put(frame_, ip_source, packet::backend);
    put(frame_, ip_destination, packet::proxy);
    put16(frame_, l4_source, backend_port);
    put16(frame_, l4_destination, proxy_port);
    frame_[tcp_flags_at] = tcp_flags;
    return shoot();
}

std::uint32_t Shooter::bare_backend(std::uint32_t number, std::uint8_t tcp_flags) {
    frame_[ip_protocol] = tcp;
    put(frame_, ip_source, packet::backend);
    put(frame_, ip_destination, client_address(number));
    put16(frame_, l4_source, backend_port);
    put16(frame_, l4_destination, client_port(number));
    frame_[tcp_flags_at] = tcp_flags;
    return shoot();
}

std::uint32_t Shooter::backend_datagram(std::uint16_t proxy_port) {
    frame_[ip_protocol] = udp;
    put(frame_, ip_source, packet::backend);
    put(frame_, ip_destination, packet::proxy);
    put16(frame_, l4_source, backend_port);
    put16(frame_, l4_destination, proxy_port);
    put16(frame_, udp_length, 20);
    return shoot();
}

void run_at_random(Shooter& shooter, const Course& course, std::mt19937& random, std::uint32_t steps) {
    constexpr std::array<std::uint8_t, 10> from_client = {Syn, Syn, Syn, Syn, Ack, Ack, Ack, Fin | Ack, Fin | Ack, Rst};
    constexpr std::array<std::uint8_t, 8> from_backend = {Syn | Ack, Syn | Ack, Syn | Ack, Ack,
                                                          Ack,       Fin | Ack, Fin | Ack, Rst};
    const auto below = [&](std::uint32_t count) { return static_cast<std::uint32_t>(random() % count); };
    const auto any_port = [&] { return static_cast<std::uint16_t>(first_port + below(course.size().ports)); };
    const std::uint32_t clients = course.size().ports * 3 + 8;
    const std::uint32_t window = clients / 2;
    const std::uint32_t window_start = window * which_window();
    const auto any_client = [&] { return window_start + below(window); };

    for (std::uint32_t step = 0; step < steps; ++step) {
        const std::uint32_t dice = below(100);
        if (dice < 45) {
            shooter.client(any_client(), web_port, from_client[below(from_client.size())]);
        } else if (dice < 75) {
            shooter.backend(any_port(), from_backend[below(from_backend.size())]);
        } else if (dice < 83) {
            shooter.client(window_start + below(window / 8 + 1), dns_port, 0); // few: UDP is live, and never gives way
        } else if (dice < 86) {
            shooter.backend_datagram(any_port());
        } else if (dice < 94) {
            shooter.client(any_client(), bare_port, from_client[below(from_client.size())]);
        } else {
            shooter.bare_backend(any_client(), from_backend[below(from_backend.size())]);
        }
    }
}

} // namespace proxip::race
