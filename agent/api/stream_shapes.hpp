#pragma once

// The keys of what a stream carries. `describe` as in shapes.hpp.

#include "api/shapes.hpp"
#include "api/stream.hpp"

namespace proxip::api {

template <typename V, Of<Event> T>
void describe(V& v, T& it) {
    v("time", it.time);
    v("type", it.type);
    v("state", it.state);
    v("message", it.message);
    v("generation", it.generation);
    v("service", it.service);
    v("backend", it.backend);
    v("interface", it.interface);
    v("address", it.address);
    v("reason", it.reason);
    v("by", it.by);
    v("caller", it.caller);
    v.defaulted("changes", it.changes);
}

template <typename V, Of<Packet::Tuple> T>
void describe(V& v, T& it) {
    v("source", it.source);
    v("destination", it.destination);
}

template <typename V, Of<Packet> T>
void describe(V& v, T& it) {
    v("time", it.time);
    v("nanos", it.nanos);
    v("interface", it.interface);
    v("protocol", it.protocol);
    v("in", it.in);
    v("out", it.out);
    v("length", it.length);
    v("out_length", it.out_length);
    v("flags", it.flags);
    v("verdict", it.verdict);
    v("reason", it.reason);
    v("answer", it.answer);
    v("service", it.service);
    v("direction", it.direction);
    v("next_hop", it.next_hop);
    v("frame", it.frame);
    v("out_frame", it.out_frame);
}

} // namespace proxip::api
