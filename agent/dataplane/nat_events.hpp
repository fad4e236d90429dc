#pragma once

// The buffer in which the data plane tells who has a proxy port. What waits there outlives the agent.

#include <deque>
#include <functional>
#include <memory>

#include "dataplane/dataplane.hpp"
#include "dataplane/kernel_tables.hpp"

struct ring_buffer; // libbpf's

namespace proxip::dataplane {

class NatEvents {
  public:
    [[nodiscard]] static Result<std::unique_ptr<NatEvents>> open(const KernelTables& tables);

    void read(const std::function<void(const NatEvent&)>& visit);
    // Before ids are freed: what names them is decoded now, and read later.
    void keep_what_waits();

    [[nodiscard]] std::uint64_t lost() const;

  private:
    struct Deleter {
        void operator()(ring_buffer* buffer) const;
    };

    explicit NatEvents(const KernelTables& tables) : tables_(&tables) {}
    static int take(void* context, void* data, std::size_t size);
    void consume();
    [[nodiscard]] std::optional<NatEvent> decoded(const abi::abi_nat_event& event) const;

    const KernelTables* tables_;
    std::unique_ptr<ring_buffer, Deleter> buffer_;
    std::deque<NatEvent> waiting_;
    std::size_t taken_ = 0; // in one consume()
};

} // namespace proxip::dataplane
