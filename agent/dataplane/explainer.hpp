#pragma once

// Asks the data plane's own program what it would do with a packet: the same object, loaded once more as a dry run over
// the same maps, run on a made-up frame.

#include <filesystem>

#include "dataplane/dataplane.hpp"
#include "dataplane/object.hpp"

namespace proxip::dataplane {

// `destination_mac` is that of the interface the packet comes in by.
[[nodiscard]] Result<abi::abi_decision> ask(const Skeleton& dry_run, const Question& question,
                                            const Mac& destination_mac);

} // namespace proxip::dataplane
