#pragma once

// The manual pages. Each is made from the one definition of what it describes: the tree of lbctl's commands, the
// agent's options, and docs/configuration.md, which a test holds against the schema.

#include <string>
#include <string_view>

namespace proxip::man {

struct Edition {
    std::string date; // YYYY-MM-DD
    std::string version;
};

[[nodiscard]] std::string lbctl_page(const Edition& edition);
[[nodiscard]] std::string lbagent_page(const Edition& edition);
// `configuration`: docs/configuration.md; `example`: a configuration file.
[[nodiscard]] std::string lb_toml_page(const Edition& edition, std::string_view configuration,
                                       std::string_view example);

} // namespace proxip::man
