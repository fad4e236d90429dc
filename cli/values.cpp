#include "cli/values.hpp"

#include <utility>

namespace proxip::cli {
namespace {

Result<void> put_option(Backend& backend, std::string_view option) {
    constexpr std::string_view weight = "weight=";
    if (option == "backup") {
        backend.backup = true;
        return {};
    }
    if (option.starts_with(weight)) {
        const auto number = parse_number<std::uint32_t>(option.substr(weight.size()));
        if (!number) {
            return std::unexpected(number.error());
        }
        backend.weight = *number;
        return {};
    }
    return fail(ErrorCode::invalid, fmt::format("'{}': expected weight=N or backup", option));
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
