#pragma once

// The generator and the sinks: the bench's own BPF programs, loaded and attached.

#include <cstdint>
#include <memory>

#include "bench/flows.hpp"
#include "bench/stage.hpp"

struct bench_bpf;

namespace proxip::bench {

class Ends {
  public:
    // Room for so many flows. Sinks stand at both outer ends and at the drain.
    Ends(const Stage& stage, std::uint32_t most_flows);
    ~Ends();
    Ends(const Ends&) = delete;
    Ends& operator=(const Ends&) = delete;

    void set_flows(const Flows& flows);
    void set_header(Family family, const dataplane::Mac& destination, const dataplane::Mac& source);
    // Sends so many frames out of this interface, in the order of the flows, and goes on where it stopped. Nanoseconds
    // a frame by the kernel's count, which leaves out what it takes to begin and to end, and while others have the CPU.
    std::uint32_t send(const Port& by, std::uint32_t frames);

    void expect(const bench_expect& what);
    [[nodiscard]] bench_arrivals arrivals() const;

    // What may stand in the middle: a redirect to another interface, a program that passes, and a sink behind it.
    void attach_redirect(const Port& at, const Port& to);
    void attach_pass(const Port& at);
    void attach_tc_sink(const Port& at);

  private:
    struct Close {
        void operator()(bench_bpf* skeleton) const;
    };
    std::unique_ptr<bench_bpf, Close> bpf_;
    Family family_ = Family::v4;
};

} // namespace proxip::bench
