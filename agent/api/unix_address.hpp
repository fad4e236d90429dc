#pragma once

#include <filesystem>

#include <sys/socket.h>
#include <sys/un.h>

#include "model/result.hpp"

namespace proxip::api {

// The socket address of a path. Refused when it does not fit into sun_path (unix(7): 108 bytes with the final zero).
[[nodiscard]] Result<sockaddr_un> unix_address(const std::filesystem::path& path);

} // namespace proxip::api
