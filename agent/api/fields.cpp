#include "api/fields.hpp"

#include <algorithm>

namespace proxip::api {

Result<void> Reader::finish() {
    if (!error_ && keys_ == Keys::strict) {
        for (const auto& [key, value] : object_.items()) {
            if (std::ranges::find(known_, std::string_view{key}) == known_.end()) {
                error_ = Error{ErrorCode::invalid,
                               known_.empty() ? "unknown key: none is expected here"
                                              : fmt::format("unknown key: expected {}", fmt::join(known_, ", ")),
                               key};
                break;
            }
        }
    }
    if (error_) {
        return std::unexpected(*error_);
    }
    return {};
}

Result<std::map<std::string, std::uint64_t>> counters_from(const Json& value) {
    if (!value.is_object()) {
        return unexpected_type(value, "an object of counters");
    }
    std::map<std::string, std::uint64_t> counters;
    for (const auto& [key, element] : value.items()) {
        auto count = integer_from<std::uint64_t>(element);
        if (!count) {
            return std::unexpected(std::move(count.error()).within(key));
        }
        counters.emplace(key, *count);
    }
    return counters;
}

} // namespace proxip::api
