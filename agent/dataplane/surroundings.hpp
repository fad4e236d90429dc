#pragma once

// Interfaces, next hops and addresses of ours: changed in place while packets pass.

#include <cstdint>
#include <map>
#include <optional>

#include "dataplane/dataplane.hpp"
#include "dataplane/kernel_tables.hpp"

namespace proxip::dataplane {

class Surroundings {
  public:
    explicit Surroundings(KernelTables& tables) : tables_(&tables) {}

    // Learns what the table of addresses holds.
    void adopt();
    [[nodiscard]] Result<void> set_link(const Link& link);
    void forget_link(std::uint32_t index);
    void set_flags(std::uint32_t index, std::uint16_t set, std::uint16_t cleared);
    [[nodiscard]] std::uint16_t flags(std::uint32_t index) const;
    [[nodiscard]] Mac mac(std::uint32_t index) const;       // zero when the interface is not known
    [[nodiscard]] std::vector<std::uint32_t> links() const; // that packets come from or leave by
    void set_path(policy::Id endpoint, const Path& path);
    [[nodiscard]] Result<void> set_locals(const std::map<Address, Local>& locals);
    [[nodiscard]] std::uint32_t link_of(const abi::abi_hop& hop) const;

  private:
    // The interface's place in the table of interfaces; places are kept by their ifindex, as the data plane looks them
    // up.
    [[nodiscard]] std::optional<std::uint16_t> place_of(std::uint32_t index) const;
    [[nodiscard]] std::optional<std::uint16_t> free_place(std::uint32_t index) const;
    [[nodiscard]] Result<void> write_local(const Address& address, const Local& local);
    void clear_filter();

    KernelTables* tables_;
    std::map<Address, Local> locals_;
};

} // namespace proxip::dataplane
