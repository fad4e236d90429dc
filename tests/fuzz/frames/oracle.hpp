#pragma once

// What must be true of each frame, whatever it is. Every function returns what is wrong; empty: nothing.

#include <string>

#include "fuzz/frames/lab.hpp"
#include "fuzz/frames/reading.hpp"

namespace proxip::fuzz {

struct Sent {
    Side side = Side::front;
    Frame frame;
    Reading reading;

    Sent(Side in, Frame bytes) : side(in), frame(std::move(bytes)), reading(read(frame.bytes, mac_of(in))) {}
};

[[nodiscard]] std::string judge(const Scene& scene, const Sent& sent, const Shot& shot);

[[nodiscard]] std::string outcome(const Shot& shot); // in a few words, to count by

// ---- its parts ----
[[nodiscard]] std::string judge_accounts(const Shot& shot);                                        // oracle.cpp
[[nodiscard]] std::string judge_kind(const Sent& sent, const Shot& shot);                          // kinds.cpp
[[nodiscard]] std::string judge_forwarded(const Scene& scene, const Sent& sent, const Shot& shot); // forwarded.cpp
[[nodiscard]] std::string judge_error(const Scene& scene, const Sent& sent, const Shot& shot);     // forwarded.cpp
[[nodiscard]] std::string judge_answer(const Scene& scene, const Sent& sent, const Shot& shot);    // answers.cpp

[[nodiscard]] bool is_vip(View address);
[[nodiscard]] bool is_ours(View address); // a VIP or a Proxy IP
[[nodiscard]] inline View source_of(const Frame& frame, const Reading& r) {
    return part(frame.bytes, r.source(), r.address_bytes());
}
[[nodiscard]] inline View destination_of(const Frame& frame, const Reading& r) {
    return part(frame.bytes, r.destination(), r.address_bytes());
}

// Which way it went: on to a backend, or back to a client.
[[nodiscard]] bool towards_backend(const Sent& sent, const Frame& out);

// The backend's answer to what was forwarded: the same, turned round.
[[nodiscard]] Frame turned_round(const Frame& forwarded, const Reading& reading);
// It came out as what the client had sent, turned round.
[[nodiscard]] std::string judge_identity(const Sent& request, const Frame& answer);

} // namespace proxip::fuzz
