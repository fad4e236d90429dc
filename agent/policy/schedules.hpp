#pragma once

// Scheduling tables that were made before: most services are the same from one image to the next, and a Maglev table
// takes longer than all the rest of a service.

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace proxip::policy {

class Schedules {
  public:
    using Table = std::vector<std::uint16_t>;

    // A key says all that the table depends on.
    [[nodiscard]] const Table& table(const std::string& key, const std::function<Table()>& make);
    // After each image: what none of the last few had is forgotten.
    void age();

  private:
    struct Entry {
        Table table;
        std::uint64_t used = 0;
    };
    std::unordered_map<std::string, Entry> entries_;
    std::uint64_t images_ = 0;
};

} // namespace proxip::policy
