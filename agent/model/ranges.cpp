// AddressRange and PortRange.

#include <algorithm>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "model/address.hpp"
#include "model/text.hpp"

namespace proxip {

namespace {

// The whole address as one number. 128 bits are a GCC and Clang extension.
__extension__ using Wide = unsigned __int128;

Wide number(const Address& address) {
    Wide value = 0;
    for (int i = 0; i < address.bits() / 8; ++i) {
        value = value << 8U | address.bytes.at(static_cast<std::size_t>(i));
    }
    return value;
}

Address last_of(const Prefix& prefix) {
    Address address = prefix.base;
    for (int bit = prefix.length; bit < address.bits(); ++bit) {
        address.bytes.at(static_cast<std::size_t>(bit / 8)) |=
            static_cast<std::uint8_t>(0x80U >> static_cast<unsigned>(bit % 8));
    }
    return address;
}

// The prefix that is exactly this range, if there is one.
std::optional<Prefix> as_prefix(const AddressRange& range) {
    const Wide first = number(range.first);
    const Wide difference = first ^ number(range.last);
    const bool low_bits_only = (difference & (difference + 1)) == 0;
    if (!low_bits_only || (first & difference) != 0) {
        return std::nullopt;
    }
    int length = range.first.bits();
    for (Wide rest = difference; rest != 0; rest >>= 1U) {
        --length;
    }
    return Prefix{.base = range.first, .length = length};
}

Result<AddressRange> parse_first_last(std::string_view text, std::size_t dash) {
    const Result<Address> first = Address::parse(text.substr(0, dash));
    const Result<Address> last = Address::parse(text.substr(dash + 1));
    if (!first || !last) {
        return unfit(text, "a range FIRST-LAST of two addresses");
    }
    if (first->family != last->family) {
        return unfit(text, "a range FIRST-LAST of two addresses of one family");
    }
    if (*last < *first) {
        return unfit(text, "a range FIRST-LAST whose first address is not above its last");
    }
    return AddressRange{.first = *first, .last = *last};
}

} // namespace

Result<AddressRange> AddressRange::parse(std::string_view text) {
    if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
        return parse_first_last(text, dash);
    }
    if (text.find('/') != std::string_view::npos) {
        const Result<Prefix> prefix = Prefix::parse(text);
        if (!prefix) {
            return std::unexpected(prefix.error());
        }
        return AddressRange{.first = prefix->base, .last = last_of(*prefix)};
    }
    const Result<Address> address = Address::parse(text);
    if (!address) {
        return unfit(text, "an address, a prefix or a range FIRST-LAST");
    }
    return AddressRange{.first = *address, .last = *address};
}

std::string AddressRange::text() const {
    if (first == last) {
        return first.text();
    }
    if (const auto prefix = as_prefix(*this)) {
        return prefix->text();
    }
    return fmt::format("{}-{}", first.text(), last.text());
}

std::uint64_t AddressRange::size() const {
    const Wide beyond_first = number(last) - number(first);
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    return beyond_first >= most ? most : static_cast<std::uint64_t>(beyond_first) + 1;
}

bool AddressRange::overlaps(const AddressRange& other) const {
    return first.family == other.first.family && first <= other.last && other.first <= last;
}

bool AddressRange::contains(const Address& address) const {
    return address.family == first.family && first <= address && address <= last;
}

Result<PortRange> PortRange::parse(std::string_view text, bool allow_any) {
    constexpr std::uint64_t highest = 65535;
    if (allow_any && text == "*") {
        return PortRange{};
    }
    const std::size_t dash = text.find('-');
    const auto first = parse_number(text.substr(0, dash), highest);
    const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), highest);
    if (!first || !last || *first == 0 || *last == 0) {
        return unfit(text, allow_any ? "a port from 1 to 65535, a range FIRST-LAST of them, or *"
                                     : "a port from 1 to 65535 or a range FIRST-LAST of them");
    }
    if (*last < *first) {
        return unfit(text, fmt::format("a range FIRST-LAST whose first port is not above its last, such as {}-{}",
                                       *last, *first));
    }
    return PortRange{.first = static_cast<std::uint16_t>(*first), .last = static_cast<std::uint16_t>(*last)};
}

std::string PortRange::text() const {
    if (any()) {
        return "*";
    }
    return first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
}

bool PortRange::overlaps(const PortRange& other) const {
    return any() || other.any() || (first <= other.last && other.first <= last);
}

} // namespace proxip
