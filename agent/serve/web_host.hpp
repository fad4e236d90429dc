#pragma once

// Who a browser thinks it is talking to. A page from elsewhere can have its own name resolve to 127.0.0.1 (DNS
// rebinding) and then read what is served here as if it were its own; the Host header still tells that name.

#include <string_view>

namespace proxip::serve {

// Of a Host header: a literal address, "localhost", a name below it, or `own`, this host's name, as it is or without
// its domain; with any port. No name that somebody else could make point here.
[[nodiscard]] bool is_own_host(std::string_view host, std::string_view own);

} // namespace proxip::serve
