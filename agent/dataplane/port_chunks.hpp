#pragma once

// The memory of proxy ports: maps of slabs, linked into one map of maps. Each is pinned as well, since a map can be
// opened by its id with CAP_SYS_ADMIN only, and an agent that has less must be able to adopt them.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "model/result.hpp"

namespace proxip::dataplane {

class PortChunks {
  public:
    PortChunks(int table, std::filesystem::path folder) : table_(table), folder_(std::move(folder)) {}

    // Takes the place of one that has this number.
    [[nodiscard]] Result<void> add(std::uint32_t number, std::uint32_t slabs) const;
    // How many slabs each has, by number. Those that a former version has not pinned are.
    [[nodiscard]] Result<std::vector<std::uint32_t>> sizes() const;

  private:
    [[nodiscard]] Result<std::uint32_t> size_of(std::uint32_t number, std::uint32_t id) const;
    [[nodiscard]] Result<void> pin(std::uint32_t number, int map) const;
    [[nodiscard]] std::filesystem::path place_of(std::uint32_t number) const;

    int table_;
    std::filesystem::path folder_;
};

} // namespace proxip::dataplane
