#pragma once

// The folder in a bpffs where a data plane is pinned: maps/, links/, and for the moments in which tables of
// configuration of another version are replaced, next_0/.

#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "dataplane/object.hpp"
#include "model/descriptor.hpp"
#include "model/result.hpp"
#include "policy/abi.hpp"

namespace proxip::dataplane {

class Pins {
  public:
    explicit Pins(std::filesystem::path folder) : folder_(std::move(folder)) {}

    // Refused when it is not on a bpffs.
    [[nodiscard]] Result<void> make() const;
    // Held by the agent that owns the data plane: two would each write their own ids into it.
    [[nodiscard]] Result<Descriptor> lock() const;
    // The control table of the data plane that is pinned there, if there is one. Refused when its tables of connections
    // are of another version.
    [[nodiscard]] Result<std::optional<abi::abi_control>> control() const;
    // Bytes of the buffer of NAT events that is pinned there; none: a data plane that has none yet.
    [[nodiscard]] std::optional<std::uint32_t> nat_buffer() const;
    // Takes everything down.
    [[nodiscard]] Result<void> remove() const;

    // Where a load finds its maps.
    [[nodiscard]] MapFolders folders(bool migrating) const { return {maps(), migrating ? staged() : maps()}; }
    // Before a migration. What an interrupted one left stays until commit(): the programs that it attached may be
    // running, and the kernel empties a table of programs when its last pin goes.
    [[nodiscard]] Result<void> stage();
    // The staged tables take the places of the former ones. Interrupted, it is done again by the next agent: the table
    // that tells the version is the last.
    [[nodiscard]] Result<void> commit() const;

    [[nodiscard]] std::filesystem::path maps() const { return folder_ / "maps"; }
    [[nodiscard]] std::filesystem::path links() const { return folder_ / "links"; }

  private:
    [[nodiscard]] std::filesystem::path staged() const { return folder_ / fmt::format("next_{}", stage_); }
    [[nodiscard]] Result<void> remove_stages() const;

    std::filesystem::path folder_;
    unsigned stage_ = 0;
};

} // namespace proxip::dataplane
