#pragma once

// Real frames through the clsact program: BPF_PROG_RUN gives an skb no metadata, a veth does. What is sent begins with
// the mark; a small XDP program puts it in front of the frame, where proxip_xdp would have left it.

#include <chrono>
#include <optional>

#include "model/descriptor.hpp"
#include "packet/program_run.hpp"

namespace proxip::packet {

// The far end of an interface that make_interface() made.
class Cable {
  public:
    explicit Cable(const char* peer);

    void send(const Bytes& bytes) const;
    // The next IP frame to one MAC that arrives here; none when nothing comes in time.
    [[nodiscard]] std::optional<Frame> receive(std::chrono::milliseconds patience = std::chrono::seconds(3)) const;

  private:
    Descriptor socket_;
};

// While it lives, frames that come in by this interface are marked by what they begin with, and go through the program.
class MarkedInterface {
  public:
    MarkedInterface(std::uint32_t ifindex, int clsact_program);
    MarkedInterface(const MarkedInterface&) = delete;
    MarkedInterface& operator=(const MarkedInterface&) = delete;
    ~MarkedInterface();

  private:
    std::uint32_t ifindex_;
    Descriptor marker_;
};

[[nodiscard]] Bytes marked(const abi::abi_mark& mark, const Frame& frame);

} // namespace proxip::packet
