#pragma once

// The attributes of one rtnetlink message, as values. Only for this room.

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "model/address.hpp"

namespace proxip::net {

// The fixed part of a message; none when it is shorter than that.
template <typename Body>
[[nodiscard]] const Body* body_of(nlmsghdr& header) {
    return nlmsg_datalen(&header) >= static_cast<int>(sizeof(Body)) ? static_cast<const Body*>(nlmsg_data(&header))
                                                                    : nullptr;
}

template <int max>
class Attributes {
  public:
    Attributes(nlmsghdr& header, std::size_t body_bytes) {
        valid_ = nlmsg_parse(&header, static_cast<int>(body_bytes), table_.data(), max, nullptr) >= 0;
    }
    explicit Attributes(nlattr* nested) { valid_ = nla_parse_nested(table_.data(), max, nested, nullptr) >= 0; }
    Attributes(nlattr* first, int bytes) { valid_ = nla_parse(table_.data(), max, first, bytes, nullptr) >= 0; }

    [[nodiscard]] nlattr* find(int type) const { return valid_ ? table_.at(static_cast<std::size_t>(type)) : nullptr; }

    template <typename Value>
    [[nodiscard]] std::optional<Value> value(int type) const {
        static_assert(std::is_trivially_copyable_v<Value>);
        nlattr* found = find(type);
        if (found == nullptr || nla_len(found) < static_cast<int>(sizeof(Value))) {
            return std::nullopt;
        }
        Value result{};
        std::memcpy(&result, nla_data(found), sizeof(Value));
        return result;
    }

    [[nodiscard]] std::string text(int type) const {
        nlattr* found = find(type);
        if (found == nullptr) {
            return {};
        }
        const auto* start = static_cast<const char*>(nla_data(found));
        return {start, ::strnlen(start, static_cast<std::size_t>(nla_len(found)))};
    }

    [[nodiscard]] std::optional<Address> address(int type, int family) const {
        if (family == AF_INET) {
            return address_of<4>(type, Family::v4);
        }
        return family == AF_INET6 ? address_of<16>(type, Family::v6) : std::nullopt;
    }

  private:
    template <std::size_t size>
    [[nodiscard]] std::optional<Address> address_of(int type, Family family) const {
        const auto bytes = value<std::array<std::uint8_t, size>>(type);
        if (!bytes) {
            return std::nullopt;
        }
        Address address{.family = family};
        std::copy(bytes->begin(), bytes->end(), address.bytes.begin());
        return address;
    }

    std::array<nlattr*, max + 1> table_{};
    bool valid_ = false;
};

[[nodiscard]] inline int address_family(const Address& address) {
    return address.family == Family::v4 ? AF_INET : AF_INET6;
}

inline void put_address(nl_msg& message, int type, const Address& address) {
    nla_put(&message, type, address.bits() / 8, address.bytes.data());
}

} // namespace proxip::net
