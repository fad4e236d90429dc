#include "api/unix_address.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace proxip::api {

Result<sockaddr_un> unix_address(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto& text = path.native();
    constexpr std::size_t longest = sizeof(address.sun_path) - 1;
    if (text.empty() || text.size() > longest) {
        return fail(ErrorCode::invalid,
                    fmt::format("a socket's path of {} bytes: expected 1 to {}", text.size(), longest), text);
    }
    std::ranges::copy(text, address.sun_path);
    return address;
}

} // namespace proxip::api
