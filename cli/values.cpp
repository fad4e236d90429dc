#include "cli/values.hpp"

#include <utility>

namespace proxip::cli {
namespace {

Result<void> put_option(Backend& backend, std::string_view option) {
    struct Count {
        std::string_view key;
        std::uint32_t Backend::* field;
    };
    constexpr Count counts[] = {{"weight=", &Backend::weight}, {"max-connections=", &Backend::max_connections}};
    if (option == "backup") {
        backend.backup = true;
        return {};
    }
    for (const Count& count : counts) {
        if (option.starts_with(count.key)) {
            const auto number = parse_number<std::uint32_t>(option.substr(count.key.size()));
            if (!number) {
                return std::unexpected(number.error());
            }
            backend.*count.field = *number;
            return {};
        }
    }
    return fail(ErrorCode::invalid, fmt::format("'{}': expected weight=N, max-connections=N or backup", option));
}

} // namespace

std::unexpected<Error> usage(std::string message, std::string_view place) {
    return fail(ErrorCode::usage, std::move(message), std::string{place});
}

Result<Backend> parse_backend(std::string_view text, Backend plain) {
    auto comma = text.find(',');
    auto address = SocketAddress::parse(text.substr(0, comma));
    if (!address) {
        return std::unexpected(std::move(address.error()));
    }
    Backend& backend = plain;
    backend.address = *address;
    while (comma != std::string_view::npos) {
        text.remove_prefix(comma + 1);
        comma = text.find(',');
        if (auto put = put_option(backend, text.substr(0, comma)); !put) {
            return std::unexpected(std::move(put.error()));
        }
    }
    return backend;
}

} // namespace proxip::cli
