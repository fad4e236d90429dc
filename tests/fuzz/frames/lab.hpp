#pragma once

// The packet rig as the fuzzer uses it: one scene after the other, and each frame with what it counted.

#include <array>
#include <optional>
#include <string>

#include "bpf/abi/reasons.h"
#include "dataplane/tables.hpp"
#include "fuzz/frames/random.hpp"
#include "packet/rig.hpp"

namespace proxip::fuzz {

using packet::Frame;
using packet::Verdict;

enum class Side : std::uint8_t { front, back }; // clients, backends
[[nodiscard]] inline const packet::Mac& mac_of(Side side) {
    return side == Side::front ? packet::front_mac : packet::back_mac;
}

// What may differ between one load balancer and the next.
struct Scene {
    bool partial = false;    // unfinished checksums may come in
    bool marked = false;     // the backends' side takes no redirected frames: clsact
    bool generic = false;    // nor can those of the clients' side be redirected
    bool few_ports = false;  // eight: they run out, and are taken over
    bool limited = false;    // connections of a service, and of a client
    bool silent = false;     // on_failure = drop
    bool unresolved = false; // no MAC of a backend
    Snat snat = Snat::always;
    std::array<std::uint32_t, 2> mtu = {1500, 1500}; // by side

    explicit Scene(Random random);
    [[nodiscard]] std::string text() const;
};

struct Shot {
    Verdict verdict = Verdict::aborted;
    Frame frame;
    std::optional<abi::abi_mark> mark{};
    std::array<std::uint32_t, abi::ABI_REASON_COUNT> counted{}; // by this frame
    std::uint32_t connections = 0;                              // in whose accounts it was entered
    int error = 0;                                              // errno of a run that failed

    [[nodiscard]] std::uint32_t drops() const;
    [[nodiscard]] std::uint32_t passed() const;        // with a tag or without
    [[nodiscard]] abi::abi_reason drop_reason() const; // ABI_PASSED: none
    // As it shall be on the wire, by whichever way; a frame marked for translation is not yet.
    [[nodiscard]] bool leaves() const;
    [[nodiscard]] bool awaits_translation() const;
};

struct Conversation { // a connection of the table, as the ends know it
    bool v6 = false;
    bool udp = false;
    packet::Mac client_mac{};
    Side side = Side::front; // where the client is
    abi::abi_address client{};
    abi::abi_address proxy{}; // the client's own where that is kept
    abi::abi_address backend{};
    std::uint16_t client_port = 0;
    std::uint16_t vip_port = 0;
    std::uint16_t proxy_port = 0;
    std::uint16_t backend_port = 0;
};

class Lab {
  public:
    explicit Lab(const Scene& scene);

    // One of those that are in the table, live or closed.
    [[nodiscard]] std::optional<Conversation> any_connection(Random& random) const;

    Shot shoot(Side side, const Frame& frame);
    // Both halves or neither, and as many live as the ledger says; empty when it is so.
    [[nodiscard]] std::string audit() const;
    [[nodiscard]] const Scene& scene() const { return scene_; }

  private:
    struct Account { // of a slot
        std::uint32_t generation = 0;
        std::uint64_t packets = 0;
    };

    void count(Shot& shot);
    void count_connections(Shot& shot);

    Scene scene_;
    packet::Rig rig_;
    int program_;
    int counters_;
    std::size_t cpus_;
    dataplane::MappedArray<abi::abi_slot> slots_;
    dataplane::MappedArray<abi::abi_endpoint> endpoints_;
    std::uint32_t front_place_;
    std::array<std::uint64_t, abi::ABI_REASON_COUNT> counted_{};
    std::array<Account, packet::table_size> accounts_{};
    packet::Bytes out_;
    std::vector<std::uint64_t> values_;
};

} // namespace proxip::fuzz
