#pragma once

// Every map of the data plane's programs, byte for byte: what a dry run must leave as it was.

#include <map>
#include <string>
#include <vector>

#include "packet/packet.hpp"
#include "packet/rig.hpp"

namespace proxip::packet {

using Contents = std::map<std::string, Bytes>; // by the map's name

// All maps that the programs name, so that a new one is among them. Hashes in the order of their keys, which an LRU's
// own order does not change; queues from front to end; of maps and programs in a table their ids, and the inner maps'
// contents. What the sweeper writes is left out: it goes on.
[[nodiscard]] Contents every_map(const Rig& rig);
// Names of the maps that differ, or are in one of them only.
[[nodiscard]] std::vector<std::string> changed_between(const Contents& before, const Contents& after);

} // namespace proxip::packet
