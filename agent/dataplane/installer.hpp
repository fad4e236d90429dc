#pragma once

// Writes an image into the half that no packet reads, then makes it the half that every packet reads.

#include <array>
#include <cstdint>
#include <utility>

#include "dataplane/kernel_tables.hpp"
#include "dataplane/keyed_halves.hpp"
#include "dataplane/port_chunks.hpp"
#include "model/descriptor.hpp"
#include "policy/image.hpp"

namespace proxip::dataplane {

class Installer {
  public:
    Installer(KernelTables& tables, PortChunks chunks) : tables_(&tables), chunks_(std::move(chunks)) {}

    // Learns what both halves hold.
    void adopt();
    [[nodiscard]] Result<void> install(const policy::Image& image, std::uint64_t generation);
    [[nodiscard]] Result<policy::Identities> identities() const;
    void clear(const policy::References& freed);

  private:
    struct Half {
        Descriptor lookup_map;
        MappedArray<abi::abi_lookup_block> lookup;
    };

    [[nodiscard]] std::uint32_t idle_half() const;
    [[nodiscard]] Result<void> add_chunks(const policy::Image& image);
    void write_identities(const policy::Image& image);
    [[nodiscard]] Result<void> write_rings(const policy::Image& image);
    [[nodiscard]] Result<void> wait_for_readers(std::uint32_t half, std::size_t lookup_entries);
    void write_half(const policy::Image& image, std::uint32_t half);
    [[nodiscard]] Result<void> write_keyed(const policy::Image& image, std::uint32_t half);
    void mark_down(const policy::Image& image, bool down);
    void flip(std::uint64_t generation, std::uint32_t half);
    [[nodiscard]] Result<void> adopt_rings(policy::Identities& ids) const;

    KernelTables* tables_;
    PortChunks chunks_;
    std::array<Half, 2> halves_;
    KeyedHalves<abi::abi_match> matches_;
    KeyedHalves<abi::abi_allowed> allowed_;
};

} // namespace proxip::dataplane
