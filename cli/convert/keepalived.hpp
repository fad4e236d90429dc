#pragma once

// keepalived's load balancing (IPVS) as a configuration of lbagent: pure.

#include <string>
#include <string_view>
#include <vector>

#include "cli/convert/notes.hpp"
#include "model/config.hpp"

namespace proxip::cli::convert {

struct Wishes { // what keepalived.conf does not know
    std::vector<AddressRange>
        proxy_ips; // none of a family that is needed: an address of RFC 5737 or 3849 holds its place
    std::vector<std::string> interfaces; // none: those of the vrrp_instances
};

struct Converted {
    Config config; // passes validate()
    Notes notes;
};

// Errors: the file's own syntax, with the line as path.
[[nodiscard]] Result<Converted> convert_keepalived(std::string_view text, const Wishes& wishes);

} // namespace proxip::cli::convert
